"""The end in order: what was accepted is finished, what is new is refused, then the client is closed."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import standfast
import standfast.aio
from lab import Lab


def test_a_drain_finishes_what_threads_wait_for(lab: Lab) -> None:
    client = standfast.connect(lab.url)
    waiting = threading.Event()
    with ThreadPoolExecutor(8) as threads:
        pops = [threads.submit(client.execute, "BLPOP", f"drain:{n}", 30) for n in range(8)]
        with standfast.connect(lab.url) as other:
            while sum("cmd=blpop" in line for line in other.execute("CLIENT", "LIST", decode=True).splitlines()) < 8:
                waiting.wait(0.01)
            drain = threading.Thread(target=client.drain, args=(30,))
            drain.start()
            while True:
                try:
                    client.execute("PING")
                except standfast.UsageError as refused:
                    assert refused.name == "Closed"
                    break
            for n in range(8):
                other.execute("RPUSH", f"drain:{n}", n)
            assert [pop.result(30)[1] for pop in pops] == [str(n).encode() for n in range(8)]
            drain.join(30)
    assert not drain.is_alive()
    assert client.closed


def test_a_drain_finishes_what_a_loop_waits_for(lab: Lab) -> None:
    async def main() -> None:
        client = await standfast.aio.connect(lab.url)
        accepted = [asyncio.ensure_future(client.execute("ECHO", n)) for n in range(200)]
        await asyncio.sleep(0)
        await client.drain(30)
        assert [await one for one in accepted] == [str(n).encode() for n in range(200)]
        with pytest.raises(standfast.UsageError, match="Closed"):
            await client.execute("PING")

    asyncio.run(main())


def test_a_drain_in_a_hurry_says_what_was_left(lab: Lab) -> None:
    async def main() -> None:
        client = await standfast.aio.connect(lab.url)
        endless = asyncio.ensure_future(client.execute("BLPOP", "drain:never", 0))
        await asyncio.sleep(0)
        with pytest.raises(standfast.NetworkTimeoutError, match="1 commands were still under way"):
            await client.drain(0.01)
        assert client.closed
        with pytest.raises(standfast.StandfastError):
            await endless

    asyncio.run(main())
