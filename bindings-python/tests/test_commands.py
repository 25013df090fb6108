"""The commands with methods of their own, options, reports and events."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from typing import Any

import pytest
import standfast
import standfast.aio
from faces import Connected, Face
from lab import Lab


def test_set_says_whether_it_did(client: Connected) -> None:
    client.execute("DEL", "commands:k")
    assert client.get("commands:k") is None
    assert client.set("commands:k", "a", xx=True) is None
    assert client.set("commands:k", "a", nx=True) == "OK"
    assert client.set("commands:k", "b", nx=True) is None
    assert client.set("commands:k", "c", get=True) == b"a"
    assert client.get("commands:k") == b"c"


def test_set_lets_a_key_expire(client: Connected) -> None:
    client.set("commands:ex", "v", ex=100)
    assert 90 <= client.execute("TTL", "commands:ex") <= 100
    client.set("commands:px", "v", px=100_000)
    assert 90 <= client.execute("TTL", "commands:px") <= 100
    client.set("commands:ex", "v")
    assert client.execute("TTL", "commands:ex") == -1


def test_what_does_not_go_together_is_refused_by_the_server(client: Connected) -> None:
    with pytest.raises(standfast.ServerError) as caught:
        client.set("commands:k", "v", nx=True, xx=True)
    assert caught.value.code == standfast.ErrorCode.REPLY_ERROR
    assert caught.value.server_code == "ERR"


def test_publish_counts_receivers(client: Connected) -> None:
    assert client.publish("commands:nobody", "x") == 0
    subscription = client.subscribe("commands:one")
    subscription.ready(5)
    assert client.publish("commands:one", b"x") == 1


def test_status_names_the_master_and_the_sentinels(client: Connected, lab: Lab) -> None:
    client.execute("PING")
    status = client.status()
    assert status["state"] == "ready"
    assert status["master"] == lab.ask("master")["master"]
    assert status["generation"] == 1
    assert {sentinel["address"] for sentinel in status["sentinels"]} == set(lab.sentinels)
    assert abs(status["since"] - time.time()) < 60
    assert isinstance(status["counters"], dict)


def test_nodes_are_those_that_the_sentinels_report(client: Connected, lab: Lab) -> None:
    # Each sentinel's list arrives in its own time.
    deadline = time.monotonic() + 10
    while {node["address"] for node in client.nodes()} != set(lab.nodes):
        assert time.monotonic() < deadline, client.nodes()
        client.next_event(0.1)
    used = [node["address"] for node in client.nodes() if node["used"]]
    assert used == [lab.ask("master")["master"]]


def test_events_tell_the_story_from_the_beginning_to_the_end(face: Face, lab: Lab) -> None:
    client = face.connect(lab.url)
    kinds = []
    while "ready" not in kinds:
        event = client.next_event(5)
        assert event is not None
        kinds.append(event["kind"])
    assert kinds[0] == "connecting"
    client.close()
    while kinds[-1] != "closed":
        event = client.next_event(5)
        assert event is not None
        kinds.append(event["kind"])
    with pytest.raises(standfast.StandfastError) as caught:
        client.next_event(5)
    assert caught.value.code == standfast.ErrorCode.END_OF_STREAM


def test_readers_of_events_have_positions_of_their_own(lab: Lab) -> None:
    with standfast.connect(lab.url) as client:
        first, second = client.events(), client.events()
        client.close()
        kinds = [event["kind"] for event in first]
        assert kinds[0] == "connecting" and kinds[-1] == "closed"
        assert [event["kind"] for event in second] == kinds


async def test_events_can_be_iterated_by_a_task(lab: Lab) -> None:
    async with await standfast.aio.connect(lab.url) as client:

        async def kinds() -> list[str]:
            return [event["kind"] async for event in client.events()]

        reader = asyncio.create_task(kinds())
        await client.close()
        seen = await asyncio.wait_for(reader, 5)
        assert seen[0] == "connecting" and seen[-1] == "closed"


def test_options_may_stand_in_the_url_or_beside_it(face: Face, lab: Lab) -> None:
    client = face.connect(lab.url + "?command_timeout=250ms", client_name="from-the-test", fence=False, db=3)
    assert client.execute("CLIENT", "GETNAME") == b"from-the-test"
    assert b" db=3 " in client.execute("CLIENT", "INFO")
    with pytest.raises(standfast.NetworkError, match="250 ms"):
        client.execute("DEBUG", "SLEEP", 0.6)


def test_the_default_name_says_who_is_connected(client: Connected) -> None:
    assert client.execute("CLIENT", "GETNAME") == f"standfast:python:{standfast.__version__}".encode()


def test_none_leaves_an_option_as_it_is(face: Face, lab: Lab) -> None:
    client = face.connect(lab.url + "?client_name=kept", client_name=None)
    assert client.execute("CLIENT", "GETNAME") == b"kept"


def test_connect_in_the_background_returns_at_once(face: Face) -> None:
    begin = time.monotonic()
    client = face.connect("redis+sentinel://127.0.0.1:1/m", connect="background")
    assert time.monotonic() - begin < 2
    assert client.status()["state"] == "connecting"
    with pytest.raises(standfast.NetworkTimeoutError) as caught:
        client.execute("GET", "k", timeout=0.2)
    assert caught.value.phase == "discovering"


def test_a_blocking_command_waits_beyond_the_command_timeout(face: Face, lab: Lab) -> None:
    client = face.connect(lab.url, command_timeout=0.3)
    begin = time.monotonic()
    assert client.execute("BLPOP", "commands:empty", 1) is None
    assert time.monotonic() - begin >= 0.9


def test_a_timeout_may_be_infinite(client: Connected) -> None:
    assert client.execute("PING", timeout=math.inf) == "PONG"


def test_threads_share_a_client(lab: Lab) -> None:
    failures: list[BaseException] = []

    def work(client: standfast.Client[bytes], thread: int) -> None:
        try:
            for n in range(200):
                client.set(f"commands:thread:{thread}", n)
                assert client.get(f"commands:thread:{thread}") == str(n).encode()
        except BaseException as failure:
            failures.append(failure)

    with standfast.connect(lab.url) as client:
        threads = [threading.Thread(target=work, args=(client, n)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(50)
            assert not thread.is_alive()
    assert failures == []


async def test_many_tasks_share_a_client_and_each_gets_its_own_reply(lab: Lab) -> None:
    async with await standfast.aio.connect(lab.url) as client:
        replies = await asyncio.gather(*(client.execute("ECHO", n) for n in range(2000)))
        assert replies == [str(n).encode() for n in range(2000)]


async def test_a_cancelled_call_leaves_the_others_their_replies(lab: Lab) -> None:
    async with await standfast.aio.connect(lab.url) as client:
        for round_ in range(50):
            calls = [asyncio.ensure_future(client.execute("ECHO", f"{round_}:{n}")) for n in range(20)]
            await asyncio.sleep(0)
            for call in calls[::3]:
                call.cancel()
            replies = await asyncio.gather(*calls, return_exceptions=True)
            for n, reply in enumerate(replies):
                if n % 3 == 0:
                    assert isinstance(reply, asyncio.CancelledError)
                else:
                    assert reply == f"{round_}:{n}".encode()


def test_a_client_is_used_from_several_loops_one_after_the_other(lab: Lab) -> None:
    client = asyncio.run(standfast.aio.connect(lab.url))
    for n in range(3):
        assert asyncio.run(client.execute("ECHO", n)) == str(n).encode()
    asyncio.run(client.close())


def test_a_client_is_used_from_several_loops_at_once(lab: Lab) -> None:
    client = asyncio.run(standfast.aio.connect(lab.url))
    results: dict[int, Any] = {}
    together = threading.Barrier(4, timeout=20)

    async def work(thread: int) -> None:
        together.wait()
        results[thread] = await asyncio.gather(*(client.execute("ECHO", f"{thread}:{n}") for n in range(300)))

    threads = [threading.Thread(target=lambda n=n: asyncio.run(work(n))) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(40)
        assert not thread.is_alive()
    assert results == {thread: [f"{thread}:{n}".encode() for n in range(300)] for thread in range(4)}
    asyncio.run(client.close())


def test_closing_a_client_ends_what_waits_on_another_loop(lab: Lab) -> None:
    client = asyncio.run(standfast.aio.connect(lab.url))
    outcome: list[BaseException | None] = []
    waiting = threading.Event()

    async def wait() -> None:
        call = asyncio.ensure_future(client.execute("BLPOP", "commands:empty", 0))
        await asyncio.sleep(0)
        waiting.set()
        try:
            await call
        except standfast.StandfastError as error:
            outcome.append(error)

    thread = threading.Thread(target=lambda: asyncio.run(wait()))
    thread.start()
    assert waiting.wait(10)
    asyncio.run(client.close())
    thread.join(10)
    assert not thread.is_alive()
    assert [getattr(error, "name", None) for error in outcome] in (["Closed"], ["MaybeExecuted"])


def test_a_loop_that_is_closed_with_calls_in_flight_harms_nobody(lab: Lab) -> None:
    client = asyncio.run(standfast.aio.connect(lab.url))
    loop = asyncio.new_event_loop()

    async def leave_calls() -> None:
        calls.append(asyncio.ensure_future(client.execute("BLPOP", "commands:empty", 0)))
        calls.append(asyncio.ensure_future(client.execute("ECHO", "x")))
        await asyncio.sleep(0)

    calls: list[asyncio.Future[Any]] = []
    loop.run_until_complete(leave_calls())
    loop.close()
    for call in calls:
        # What asyncio would print when a pending task is thrown away is not what is tested here.
        call._log_destroy_pending = False  # type: ignore[attr-defined]
        call.get_coro().close()  # type: ignore[attr-defined]
    assert asyncio.run(client.execute("ECHO", "still here")) == b"still here"
    asyncio.run(client.close())


def test_an_unclosed_client_warns_and_closes(lab: Lab) -> None:
    client = standfast.connect(lab.url)
    native = client._native
    with pytest.warns(ResourceWarning, match="unclosed client"):
        del client
    assert native.closed


async def test_an_unclosed_asyncio_client_warns_and_closes(lab: Lab) -> None:
    client = await standfast.aio.connect(lab.url)
    await client.execute("PING")
    native = client._native
    with pytest.warns(ResourceWarning, match="unclosed client"):
        del client
    assert native.closed
