"""The work by which every Python client is measured, ours and the peers', and how it is told; see tests/bench/README.md.

    measure.py VARIANT

The variants are in clients.py. Nothing but the standard library is imported before the program has said that it started.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

VALUE = b"x" * 100
now = time.perf_counter_ns


def say(**fields: Any) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def key(number: int) -> str:
    return f"bench:{number}"


class Clocks:
    """The clocks of one measurement."""

    def __init__(self) -> None:
        self.cpu = time.process_time_ns()
        self.wall = now()

    def begin(self) -> None:
        """The wall clock begins again: what came before was waiting."""
        self.wall = now()

    def tell(self, ops: int, took: list[int]) -> None:
        seconds, cpu = (now() - self.wall) / 1e9, (time.process_time_ns() - self.cpu) / 1e9
        took.sort()
        quantile = [took[min(len(took) * of // 100, len(took) - 1)] / 1000 if took else None for of in (50, 99)]
        say(ops=ops, seconds=seconds, cpu_seconds=cpu, p50_us=quantile[0], p99_us=quantile[1])


def one_thread(set_: Callable[..., Any], get: Callable[..., Any], key: str, length_ns: int) -> list[int]:
    took: list[int] = []
    since = now()
    until = since + length_ns
    while since < until:
        assert set_(key, VALUE)
        middle = now()
        assert len(get(key)) == 100
        end = now()
        took.append(middle - since)
        took.append(end - middle)
        since = end
    return took


def threads(client: Any, count: int, length_ns: int) -> tuple[int, list[int]]:
    """Each with one call at a time."""
    results: list[list[int]] = [[] for _ in range(count)]
    begin = threading.Barrier(count)

    def work(at: int) -> None:
        begin.wait()
        results[at] = one_thread(client.set, client.get, key(at), length_ns)

    all_of_them = [threading.Thread(target=work, args=(at,)) for at in range(count)]
    for thread in all_of_them:
        thread.start()
    for thread in all_of_them:
        thread.join()
    took = [one for result in results for one in result]
    return len(took), took


def serve_threads(client: Any) -> None:
    for line in sys.stdin:
        match line.split():
            case ["calls", "1", ms]:
                clocks = Clocks()
                took = one_thread(client.set, client.get, key(0), int(ms) * 1_000_000)
                clocks.tell(len(took), took)
            case ["threads", count, ms]:
                clocks = Clocks()
                clocks.tell(*threads(client, int(count), int(ms) * 1_000_000))
            case ["subscribe", channel]:
                messages = client.subscribe(channel)
                say(subscribed=True)
            case ["messages", count]:
                say(waiting=True)
                clocks = Clocks()
                for number in range(int(count)):
                    assert len(next(messages)) == 64
                    if number == 0:
                        clocks.begin()
                clocks.tell(int(count), [])
            case _:
                raise SystemExit(f"not for a client of threads: {line}")


async def one_task(client: Any, key: str, until: int, took: list[int] | None) -> int:
    set_, get, ops = client.set, client.get, 0
    since = now()
    while since < until:
        assert await set_(key, VALUE)
        if took is not None:
            middle = now()
            took.append(middle - since)
            since = middle
        assert len(await get(key)) == 100
        end = now()
        if took is not None:
            took.append(end - since)
        since = end
        ops += 2
    return ops


async def serve_loop(make: Callable[[str], Any]) -> None:
    # Lines are read beside the loop, so that it goes on caring for the client meanwhile.
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str] = asyncio.Queue()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, "")

    threading.Thread(target=read, daemon=True).start()
    url = (await lines.get()).split()[1]
    since = now()
    client = await make(url)
    say(ready=True, connect_us=(now() - since) / 1000)
    while line := await lines.get():
        match line.split():
            case ["calls", count, ms]:
                took: list[int] | None = [] if count == "1" else None
                clocks = Clocks()
                until = now() + int(ms) * 1_000_000
                tasks = [one_task(client, key(at), until, took) for at in range(int(count))]
                clocks.tell(sum(await asyncio.gather(*tasks)), took or [])
            case ["subscribe", channel]:
                messages = await client.subscribe(channel)
                say(subscribed=True)
            case ["messages", count]:
                say(waiting=True)
                clocks = Clocks()
                for number in range(int(count)):
                    assert len(await anext(messages)) == 64
                    if number == 0:
                        clocks.begin()
                clocks.tell(int(count), [])
            case _:
                raise SystemExit(f"not for a client of a loop: {line}")


def main() -> None:
    from clients import CLIENTS

    kind, prepare = CLIENTS[sys.argv[1]]
    since = now()
    version, make = prepare()
    say(started=True, version=version, import_us=(now() - since) / 1000)
    if kind == "threads":
        url = sys.stdin.readline().split()[1]
        since = now()
        client = make(url)
        say(ready=True, connect_us=(now() - since) / 1000)
        serve_threads(client)
    elif kind == "uvloop":
        import uvloop

        uvloop.run(serve_loop(make))
    else:
        asyncio.run(serve_loop(make))


main()
