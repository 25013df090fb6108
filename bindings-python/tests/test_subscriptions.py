"""Subscriptions in quiet times: what is delivered, in which order, and how they end."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
import standfast
import standfast.aio
from faces import Connected, Face
from lab import Lab
from standfast import Dropped, ErrorCode, Message


def test_messages_arrive_in_order_with_all_their_fields(client: Connected) -> None:
    subscription = client.subscribe("sub:order")
    subscription.ready(5)
    before = time.time()
    for n in range(100):
        assert client.publish("sub:order", n) == 1
    for n in range(100):
        message = subscription.next(5)
        assert isinstance(message, Message)
        assert message.payload == str(n).encode()
        assert message.channel == "sub:order"
        assert message.pattern is None
        assert message.gap_before is None
        assert message.generation == 1
        assert before - 1 < message.received_at < time.time() + 1
    assert subscription.next(0) is None
    subscription.close()


def test_patterns_and_channels_together(client: Connected) -> None:
    subscription = client.subscribe("sub:exact", patterns=["sub:p.*"])
    subscription.ready(5)
    client.publish("sub:exact", "a")
    client.publish("sub:p.one", "b")
    first, second = subscription.next(5), subscription.next(5)
    assert (first.channel, first.pattern, first.payload) == ("sub:exact", None, b"a")
    assert (second.channel, second.pattern, second.payload) == ("sub:p.one", "sub:p.*", b"b")
    subscription.close()
    only = client.psubscribe("sub:q.*", b"sub:r.*")
    only.ready(5)
    client.publish("sub:r.x", "c")
    assert only.next(5).pattern == "sub:r.*"
    only.close()


def test_text_payloads_for_a_client_that_decodes(face: Face, lab: Lab) -> None:
    client = face.connect(lab.url, decode=True)
    subscription = client.subscribe("sub:text")
    subscription.ready(5)
    client.publish("sub:text", "grün")
    assert subscription.next(5).payload == "grün"


def test_two_subscriptions_to_one_channel_get_every_message(client: Connected) -> None:
    subscriptions = [client.subscribe("sub:both") for _ in range(2)]
    for subscription in subscriptions:
        subscription.ready(5)
    client.publish("sub:both", "x")
    assert [subscription.next(5).payload for subscription in subscriptions] == [b"x", b"x"]
    subscriptions[0].close()
    client.publish("sub:both", "y")
    assert subscriptions[1].next(5).payload == b"y"


def test_a_closed_subscription_gives_what_it_has_and_ends(client: Connected) -> None:
    subscription = client.subscribe("sub:end")
    probe = client.subscribe("sub:end")
    subscription.ready(5)
    probe.ready(5)
    client.publish("sub:end", "last")
    # One link carries both, so what the probe has seen the other one has as well.
    assert probe.next(5).payload == b"last"
    subscription.close()
    subscription.close()
    assert subscription.next(5).payload == b"last"
    with pytest.raises(standfast.SubscriptionError) as caught:
        subscription.next(5)
    assert caught.value.code == ErrorCode.END_OF_STREAM


def test_a_full_queue_forgets_the_oldest_and_says_so(client: Connected) -> None:
    subscription = client.subscribe("sub:full", items=10)
    probe = client.subscribe("sub:full")
    subscription.ready(5)
    probe.ready(5)
    for n in range(50):
        client.publish("sub:full", n)
    for _ in range(50):
        probe.next(5)
    items = []
    while (item := subscription.next(0)) is not None:
        items.append(item)
    dropped = [item for item in items if isinstance(item, Dropped)]
    kept = [int(item.payload) for item in items if isinstance(item, Message)]
    assert dropped and sum(item.count for item in dropped) == 50 - len(kept)
    assert kept == list(range(50 - len(kept), 50))
    assert isinstance(items[0], Dropped)


def test_a_full_queue_that_closes(client: Connected) -> None:
    subscription = client.subscribe("sub:strict", items=5, overflow="close")
    probe = client.subscribe("sub:strict")
    subscription.ready(5)
    probe.ready(5)
    for n in range(50):
        client.publish("sub:strict", n)
    for _ in range(50):
        probe.next(5)
    with pytest.raises(standfast.SubscriptionError) as caught:
        for _ in range(50):
            subscription.next(0)
    assert caught.value.code == ErrorCode.OVERFLOW


def test_iterating_ends_when_another_thread_closes(lab: Lab) -> None:
    with standfast.connect(lab.url) as client:
        subscription = client.subscribe("sub:iterate")
        subscription.ready(5)
        received: list[bytes] = []
        third = threading.Event()

        def read() -> None:
            for message in subscription:
                received.append(message.payload)
                if len(received) == 3:
                    third.set()

        reader = threading.Thread(target=read)
        reader.start()
        for n in range(3):
            client.publish("sub:iterate", n)
        assert third.wait(10)
        subscription.close()
        reader.join(10)
        assert not reader.is_alive()
        assert received == [b"0", b"1", b"2"]


def test_closing_the_client_ends_its_subscriptions(lab: Lab) -> None:
    client = standfast.connect(lab.url)
    subscription = client.subscribe("sub:client-end")
    subscription.ready(5)
    items: list[Any] = []
    reader = threading.Thread(target=lambda: items.extend(subscription.items()))
    reader.start()
    client.close()
    reader.join(10)
    assert not reader.is_alive()
    assert items == []


async def test_async_for_waits_for_messages_and_ends_with_the_subscription(lab: Lab) -> None:
    async with await standfast.aio.connect(lab.url) as client, client.subscribe("sub:async") as subscription:
        await subscription.ready(5)

        async def read() -> list[bytes]:
            return [message.payload async for message in subscription]

        reader = asyncio.create_task(read())
        for n in range(200):
            await client.publish("sub:async", n)
        await client.publish("sub:async", "stop")
        probe = client.subscribe("sub:async")
        await probe.ready(5)
        await subscription.close()
        received = await asyncio.wait_for(reader, 10)
        assert received == [str(n).encode() for n in range(200)] + [b"stop"]


async def test_several_tasks_read_one_subscription_and_each_message_goes_to_one(lab: Lab) -> None:
    async with await standfast.aio.connect(lab.url) as client:
        subscription = client.subscribe("sub:shared")
        await subscription.ready(5)
        received: list[bytes] = []
        everything = asyncio.Event()

        async def read() -> None:
            async for item in subscription.items():
                assert isinstance(item, Message)
                received.append(item.payload)
                if len(received) == 300:
                    everything.set()

        readers = [asyncio.create_task(read()) for _ in range(5)]
        for n in range(300):
            await client.publish("sub:shared", n)
        await asyncio.wait_for(everything.wait(), 10)
        await subscription.close()
        await asyncio.wait_for(asyncio.gather(*readers), 10)
        assert sorted(received, key=int) == [str(n).encode() for n in range(300)]


async def test_a_cancelled_next_loses_no_message(lab: Lab) -> None:
    async with await standfast.aio.connect(lab.url) as client:
        subscription = client.subscribe("sub:cancel")
        await subscription.ready(5)
        for n in range(20):
            waiting = asyncio.create_task(subscription.next())
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await client.publish("sub:cancel", n)
            message = await subscription.next(5)
            assert isinstance(message, Message) and message.payload == str(n).encode()


async def test_no_cancellation_at_any_moment_loses_a_message(lab: Lab) -> None:
    async with await standfast.aio.connect(lab.url) as client:
        subscription = client.subscribe("sub:moments")
        probe = client.subscribe("sub:moments")
        await subscription.ready(5)
        await probe.ready(5)
        for n in range(500):
            await client.publish("sub:moments", n)
        for _ in range(500):
            await probe.next(5)
        received: list[int] = []
        while len(received) < 500:
            task = asyncio.create_task(subscription.next())
            for _ in range(len(received) % 3):
                await asyncio.sleep(0)
            task.cancel()
            try:
                message = await task
            except asyncio.CancelledError:
                # Cancelled before it ran, so nothing was taken; this one is not cancelled.
                message = await subscription.next()
            assert isinstance(message, Message)
            received.append(int(message.payload))
        assert received == list(range(500))


async def test_the_loop_keeps_turning_while_a_subscription_is_never_empty(lab: Lab) -> None:
    async with await standfast.aio.connect(lab.url) as client:
        subscription = client.subscribe("sub:busy")
        probe = client.subscribe("sub:busy")
        await subscription.ready(5)
        await probe.ready(5)
        for n in range(1000):
            await client.publish("sub:busy", n)
        for _ in range(1000):
            await probe.next(5)
        turns = 0

        async def tick() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        for _ in range(1000):
            assert await subscription.next(5) is not None
        ticking.cancel()
        assert turns >= 5


async def test_a_subscription_is_read_from_another_loop(lab: Lab) -> None:
    async with await standfast.aio.connect(lab.url) as client:
        subscription = client.subscribe("sub:loops")
        await subscription.ready(5)

        def elsewhere() -> Any:
            return asyncio.run(subscription.next(10))

        reader = asyncio.get_running_loop().run_in_executor(None, elsewhere)
        await client.publish("sub:loops", "x")
        message = await reader
        assert message.payload == b"x"
