"""The demo's face for Python with threads: a writer and a subscriber, and what became of every write and message.

Run by ``cargo xtask demo`` as ``face.py URL NAME CHANNEL``; it stops at a line (or the end) on stdin and prints its records.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

import standfast


def now_us() -> int:
    return time.time_ns() // 1000


def us(seconds: float) -> int:
    return round(seconds * 1_000_000)


def write(client: standfast.Client[bytes], key: str, stop: threading.Event, records: list[list[Any]]) -> None:
    """Numbered writes, one after the other. A number is never used again, whatever became of it."""
    n = 0
    while not stop.wait(0.001):
        start_us = now_us()
        try:
            client.execute("SADD", key, n)
            outcome = "ok"
        except standfast.StandfastError as error:
            outcome = error.name
        records.append(["w", n, start_us, now_us(), outcome])
        n += 1


def read(subscription: standfast.Subscription[bytes], records: list[list[Any]]) -> None:
    """Everything the subscription says, until it is closed."""
    for item in subscription.items():
        match item:
            case standfast.Message():
                records.append(["m", int(item.payload), us(item.received_at)])
            case standfast.Gap():
                records.append(["g", us(item.since), us(item.until), item.reason])
            case standfast.Dropped():
                records.append(["d", item.count])


def main(url: str, name: str, channel: str) -> None:
    stop = threading.Event()
    written: list[list[Any]] = []
    received: list[list[Any]] = []
    with standfast.connect(url) as client, client.subscribe(channel) as subscription:
        subscription.ready()
        print(json.dumps({"ready": True}), flush=True)
        writer = threading.Thread(target=write, args=(client, f"demo:{name}", stop, written))
        reader = threading.Thread(target=read, args=(subscription, received))
        writer.start()
        reader.start()
        sys.stdin.readline()
        stop.set()
        writer.join()
        subscription.close()
        reader.join()
    for record in written + received:
        print(json.dumps(record))
    print(json.dumps({"done": True}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:4])
