"""The demo's face for Python with asyncio: a writer and a subscriber, and what became of every write and message.

Run by ``cargo xtask demo`` as ``face_asyncio.py URL NAME CHANNEL``; it stops at a line (or the end) on stdin and prints its
records.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import standfast.aio


def now_us() -> int:
    return time.time_ns() // 1000


def us(seconds: float) -> int:
    return round(seconds * 1_000_000)


async def write(client: standfast.aio.Client[bytes], key: str, stop: asyncio.Event, records: list[list[Any]]) -> None:
    """Numbered writes, one after the other. A number is never used again, whatever became of it."""
    n = 0
    while not stop.is_set():
        start_us = now_us()
        try:
            await client.execute("SADD", key, n)
            outcome = "ok"
        except standfast.StandfastError as error:
            outcome = error.name
        records.append(["w", n, start_us, now_us(), outcome])
        n += 1
        await asyncio.sleep(0.001)


async def read(subscription: standfast.aio.Subscription[bytes], records: list[list[Any]]) -> None:
    """Everything the subscription says, until it is closed."""
    async for item in subscription.items():
        match item:
            case standfast.Message():
                records.append(["m", int(item.payload), us(item.received_at)])
            case standfast.Gap():
                records.append(["g", us(item.since), us(item.until), item.reason])
            case standfast.Dropped():
                records.append(["d", item.count])


async def main(url: str, name: str, channel: str) -> None:
    stop = asyncio.Event()
    written: list[list[Any]] = []
    received: list[list[Any]] = []
    async with await standfast.aio.connect(url) as client, client.subscribe(channel) as subscription:
        await subscription.ready()
        print(json.dumps({"ready": True}), flush=True)
        writer = asyncio.create_task(write(client, f"demo:{name}", stop, written))
        reader = asyncio.create_task(read(subscription, received))
        await asyncio.to_thread(sys.stdin.readline)
        stop.set()
        await writer
        await subscription.close()
        await reader
    for record in written + received:
        print(json.dumps(record))
    print(json.dumps({"done": True}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
