"""Failovers, planned and by kill -9, with threads and with asyncio: writes recover, the subscription is restored, and what
is missing from it lies inside a marked gap.

The servers, the faults and the publisher are real; numbered writes and messages are counted.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import standfast
import standfast.aio
from lab import Lab
from standfast import Dropped, Gap, Message

KEY = "failover:written"
CHANNEL = "failover:news"
PATIENCE = 30.0


class Records:
    """What a writer and a subscriber saw. Filled by their threads or tasks, read by the test."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.acknowledged: list[tuple[int, int]] = []
        self.failed: list[tuple[int, standfast.StandfastError]] = []
        self.received: dict[int, int] = {}
        self.gaps: list[Gap] = []
        self.gaps_before: list[Gap] = []
        self.stopping = False

    def wrote(self, n: int, error: standfast.StandfastError | None) -> None:
        with self._changed:
            if error is None:
                self.acknowledged.append((n, now_us()))
            else:
                self.failed.append((n, error))
            self._changed.notify_all()

    def heard(self, item: Any) -> None:
        with self._changed:
            if isinstance(item, Message):
                self.received[int(item.payload)] = now_us()
                if item.gap_before is not None:
                    self.gaps_before.append(item.gap_before)
            elif isinstance(item, Gap):
                self.gaps.append(item)
            else:
                assert not isinstance(item, Dropped), item
            self._changed.notify_all()

    def wait(self, what: str, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE), f"{what}: not within {PATIENCE} s; {self.failed[-3:]}"


def now_us() -> int:
    return time.time_ns() // 1000


def with_threads(url: str, records: Records, started: threading.Event) -> None:
    """A writer and a subscriber with ``standfast``."""
    with standfast.connect(url) as client, client.subscribe(CHANNEL) as subscription:
        subscription.ready(10)

        def read() -> None:
            for item in subscription.items():
                records.heard(item)

        reader = threading.Thread(target=read)
        reader.start()
        started.set()
        n = 0
        while not records.stopping:
            try:
                client.execute("SADD", KEY, n)
                records.wrote(n, None)
            except standfast.StandfastError as error:
                records.wrote(n, error)
            n += 1
            time.sleep(0.001)
        subscription.close()
        reader.join(10)
        assert not reader.is_alive()


def with_asyncio(url: str, records: Records, started: threading.Event) -> None:
    """A writer and a subscriber with ``standfast.aio``."""

    async def main() -> None:
        async with await standfast.aio.connect(url) as client, client.subscribe(CHANNEL) as subscription:
            await subscription.ready(10)

            async def read() -> None:
                async for item in subscription.items():
                    records.heard(item)

            reader = asyncio.create_task(read())
            started.set()
            n = 0
            while not records.stopping:
                try:
                    await client.execute("SADD", KEY, n)
                    records.wrote(n, None)
                except standfast.StandfastError as error:
                    records.wrote(n, error)
                n += 1
                await asyncio.sleep(0.001)
            await subscription.close()
            await asyncio.wait_for(reader, 10)

    asyncio.run(main())


@pytest.mark.timeout(120)
@pytest.mark.parametrize("fault", ["planned_failover", "kill_master"])
@pytest.mark.parametrize("application", [with_threads, with_asyncio])
def test_writes_recover_and_the_subscription_tells_what_it_missed(
    own_lab: Lab, application: Callable[[str, Records, threading.Event], None], fault: str
) -> None:
    records = Records()
    started = threading.Event()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            application(own_lab.url, records, started)
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert started.wait(20), failures
        subscribed_us = now_us()
        publisher = own_lab.ask("publisher_start", channel=CHANNEL, every_ms=5)["publisher"]
        records.wait("the first messages", lambda: len(records.received) > 20)
        records.wait("the first writes", lambda: len(records.acknowledged) > 20)

        # A replica that has only just joined may be promoted without any of this, which no client can prevent.
        own_lab.wait_replicated()
        own_lab.ask(fault)
        writable = own_lab.ask("wait_writable", timeout_ms=20_000)
        writable_us = writable["at_us"]
        records.wait("a write after the fault", lambda: records.acknowledged[-1][1] > writable_us)
        switched_us = own_lab.ask("wait_event", kind="+switch-master", since_us=writable_us, timeout_ms=20_000)["entry"][
            "at_us"
        ]
        # The publisher follows the sentinels, so it is on the new master from here on.
        records.wait(
            "messages after the switch",
            lambda: len([n for n, at_us in records.received.items() if at_us > switched_us]) > 20,
        )
        log = own_lab.ask("publisher_stop", publisher=publisher)["log"]
        last_heard = max(records.received)
    finally:
        records.stopping = True
        thread.join(20)
    assert not thread.is_alive() and failures == []

    # Subscribed again before anything was said: every published message was received, or lies in a gap.
    published = [entry for entry in log if "error" not in entry and entry["at_us"] > subscribed_us]
    missed = [entry for entry in published if entry["n"] not in records.received and entry["n"] < last_heard]
    unexplained = [
        entry
        for entry in missed
        if not any(gap.since * 1e6 <= entry["done_us"] and entry["at_us"] <= gap.until * 1e6 for gap in records.gaps)
    ]
    assert unexplained == [], records.gaps
    # Every gap stands in the stream, and the message that followed it carries it.
    assert records.gaps_before == records.gaps
    for gap in records.gaps:
        assert gap.since < gap.until and gap.reason and gap.new_master
    if fault == "kill_master":
        assert records.gaps, "the link was cut, so something may be missing"

    # What was acknowledged is on the new master, but for what a killed master took with it.
    members = {int(n) for n in own_lab.redis("SMEMBERS", KEY, node=writable["node"])}
    lost = [n for n, _ in records.acknowledged if n not in members]
    if fault == "planned_failover":
        assert lost == []
    for _, error in records.failed:
        assert isinstance(error, standfast.NetworkError | standfast.DiscoveryError | standfast.ServerError), error
