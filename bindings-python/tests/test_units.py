"""Several commands together: pipelines, transactions, transactions over watched keys, scripts; and what is idempotent by call."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import standfast
import standfast.aio
from lab import Lab
from standfast import ErrorCode, NetworkConnectionError, Script, ServerError, StandfastError, UsageError

LONG = "-- long enough to be sent by its digest, and not as a whole\nreturn redis.call('INCRBY', KEYS[1], ARGV[1])"


@pytest.fixture
def client(lab: Lab) -> Iterator[standfast.Client[str]]:
    with standfast.connect(lab.url, decode=True) as client:
        client.flushall()
        yield client


def test_a_pipeline_collects_with_the_methods_of_the_client(client: standfast.Client[str]) -> None:
    pipeline = client.pipeline()
    assert pipeline.set("k", "v", ex=60).get("k").hset("h", mapping={"f": 1}).add("HGETALL", "h") is pipeline
    assert len(pipeline) == 4
    assert pipeline.execute() == ["OK", "v", 1, {"f": "1"}]
    assert client.pipeline().execute() == []


def test_every_command_of_a_pipeline_has_an_outcome(client: standfast.Client[str]) -> None:
    pipeline = client.pipeline().set("k", "v").incr("k").get("k")
    with pytest.raises(ServerError) as raised:
        pipeline.execute()
    assert raised.value.code == ErrorCode.REPLY_ERROR
    outcomes = pipeline.execute(raise_on_error=False)
    assert outcomes[0] == "OK" and outcomes[2] == "v"
    assert isinstance(outcomes[1], ServerError)
    assert raised.value.outcomes is not None and raised.value.outcomes[1] is raised.value
    with pytest.raises(UsageError, match="command 2 of the pipeline"):
        client.pipeline().get("k").add("SUBSCRIBE", "x").execute()


def test_a_transaction_is_all_or_nothing(client: standfast.Client[str]) -> None:
    with client.transaction() as tx:
        tx.incr("n").incr("n")
    assert tx.results == [1, 2]
    with pytest.raises(ServerError, match="command 2"):
        client.transaction().incr("n").add("NO.SUCH").execute()
    with pytest.raises(KeyError), client.transaction() as tx:
        tx.incr("n")
        raise KeyError
    assert client.get("n") == "2"


def test_a_watched_transaction_is_run_again(client: standfast.Client[str]) -> None:
    runs: list[int] = []

    def double(now: standfast.Now[str], tx: standfast.Queued[str]) -> None:
        value = int(now.get("n") or 0)
        runs.append(value)
        if len(runs) < 3:
            client.incr("n")
        tx.set("n", value * 2).get("n")

    client.set("n", 5)
    assert client.watch("n", double) == ["OK", "14"]
    assert runs == [5, 6, 7]
    runs.clear()
    with pytest.raises(ServerError) as raised:
        client.watch(["n"], double, attempts=2)
    assert raised.value.code == ErrorCode.TRANSACTION_ABORTED

    def fail(now: standfast.Now[str], tx: standfast.Queued[str]) -> None:
        tx.set("n", "never")
        raise KeyError

    with pytest.raises(KeyError):
        client.watch("n", fail)
    assert client.get("n") == "16"


def test_a_script_is_an_object_that_whatever_has_commands_can_call(client: standfast.Client[str]) -> None:
    add = Script(LONG)
    assert add(client, keys=["n"], args=[5]) == 5
    assert client.eval(LONG, 1, "n", 5) == 10
    assert add(client.pipeline(), keys=["n"], args=[1]).get("n").execute() == [11, "11"]
    assert Script("return redis.call('GET', KEYS[1])", read_only=True)(client, ["n"]) == "11"


def test_what_is_idempotent_by_call_is_sent_again(own_lab: Lab) -> None:
    with standfast.connect(own_lab.url) as client:
        client.set("k", "v")
        again = client.with_options(idempotent=True)
        assert again.set("k", "w") == "OK"
        assert client.execute("SET", "k", "x", idempotent=True) == "OK"
        assert again.pipeline().set("k", "y").execute() == ["OK"]


def test_asyncio_has_the_same(lab: Lab) -> None:
    async def main() -> None:
        async with await standfast.aio.connect(lab.url, decode=True) as client:
            await client.flushall()
            assert await client.pipeline().set("k", "v").get("k").execute() == ["OK", "v"]
            outcomes: list[Any] = await client.pipeline().incr("k").get("k").execute(raise_on_error=False)
            assert isinstance(outcomes[0], StandfastError) and outcomes[1] == "v"
            async with client.transaction() as tx:
                tx.incr("n").incr("n")
            assert tx.results == [1, 2]
            with pytest.raises(ServerError, match="command 1"):
                await client.transaction().add("NO.SUCH").execute()
            runs: list[int] = []

            async def double(now: standfast.aio.Now[str], queued: standfast.Queued[str]) -> None:
                value = int(await now.get("n") or 0)
                runs.append(value)
                if len(runs) < 3:
                    await client.incr("n")
                queued.set("n", value * 2)

            assert await client.watch("n", double) == ["OK"]
            assert runs == [2, 3, 4] and await client.get("n") == "8"
            with pytest.raises(ServerError) as raised:
                runs.clear()
                await client.watch("n", double, attempts=1)
            assert raised.value.code == ErrorCode.TRANSACTION_ABORTED
            add = Script(LONG)
            assert await add(client, keys=["m"], args=[5]) == 5
            assert await client.with_options(idempotent=True).set("k", "w") == "OK"
            waiting = asyncio.ensure_future(client.pipeline().blpop("never", timeout=0).execute())
            await asyncio.sleep(0)
            await client.close()
            with pytest.raises((UsageError, NetworkConnectionError)):
                await waiting

    asyncio.run(main())
