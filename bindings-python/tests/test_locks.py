"""Locks with both faces: scopes, owners, and what a holder is told in a failover."""

from __future__ import annotations

from typing import Any

import pytest
import standfast
import standfast.aio
from faces import Asyncio, Face, Threads
from lab import Lab


class Calls:
    """One way to write both faces: what is awaited with one is called with the other."""

    def __init__(self, face: Face) -> None:
        self.face = face

    def client(self, url: str) -> Any:
        client: Any = self.face.connect(url)
        return client._client if isinstance(self.face, Asyncio) else client

    def __call__(self, result: Any) -> Any:
        if isinstance(self.face, Asyncio):

            async def wait() -> Any:
                return await result

            return self.face.run(wait())
        assert isinstance(self.face, Threads)
        return result


@pytest.fixture
def calls(face: Face) -> Calls:
    return Calls(face)


def test_a_lock_has_one_owner(calls: Calls, lab: Lab) -> None:
    client = calls.client(lab.url)
    ours = client.lock("py:job", "a", ttl=60)
    theirs = client.lock("py:job", "b", ttl=60)
    assert ours.state == "free" and ours.fence is None
    assert calls(ours.take()) is True
    assert calls(theirs.take()) is False
    assert calls(theirs.query()) == b"a"
    for refused in (theirs.extend, theirs.release):
        with pytest.raises(standfast.SubscriptionError) as caught:
            calls(refused())
        assert caught.value.code == standfast.ErrorCode.LOCK_NOT_HELD
    calls(ours.extend(120))
    assert 60 < ours.time_left <= 120 and ours.state == "held"
    calls(ours.release())
    assert calls(theirs.take(wait=5)) is True
    assert theirs.fence > ours.fence
    assert (theirs.key, theirs.token) == (b"py:job", b"b")
    calls(theirs.release())
    assert [calls(theirs.next_change(5)).state for _ in range(2)] == ["held", "free"]
    assert calls(theirs.next_change(0)) is None


def test_a_scope_takes_and_releases(calls: Calls, lab: Lab) -> None:
    client = calls.client(lab.url)
    if isinstance(calls.face, Asyncio):

        async def scope() -> None:
            async with client.lock("py:scope", ttl=60) as held:
                assert held.state == "held"
                with pytest.raises(standfast.SubscriptionError):
                    async with client.lock("py:scope", ttl=60):
                        raise AssertionError("it was taken twice")
            with pytest.raises(ZeroDivisionError):
                async with client.lock("py:scope", ttl=60) as held:
                    await client.delete("py:scope")
                    raise ZeroDivisionError

        calls.face.run(scope())
    else:
        with client.lock("py:scope", ttl=60) as held:
            assert held.state == "held"
            with pytest.raises(standfast.SubscriptionError), client.lock("py:scope", ttl=60):
                raise AssertionError("it was taken twice")
        with pytest.raises(ZeroDivisionError), client.lock("py:scope", ttl=60):
            client.delete("py:scope")
            raise ZeroDivisionError
    assert calls(client.exists("py:scope")) == 0


def test_arguments_are_checked(calls: Calls, lab: Lab) -> None:
    client = calls.client(lab.url)
    for key, token, ttl in [("", "a", 1), ("k", "", 1), ("k", "a", 0), ("k", "a", -1), (1, "a", 1)]:
        with pytest.raises(standfast.UsageError):
            client.lock(key, token, ttl=ttl)


def test_a_holder_is_told_of_a_failover(calls: Calls, own_lab: Lab) -> None:
    client = calls.client(own_lab.url)
    held = client.lock("job", ttl=60, extend=True)
    kept = client.lock("kept", ttl=60)
    assert calls(held.take()) and calls(kept.take())
    assert [calls(lock.next_change(30)).state for lock in (held, kept)] == ["held", "held"]
    own_lab.planned_failover()
    assert calls(kept.next_change(30)).state == "uncertain"
    assert kept.time_left > 0
    # One that extends itself is certain again as soon as the new master has said so.
    assert [calls(held.next_change(30)).state for _ in range(2)] == ["uncertain", "held"]
    calls(kept.extend())
    assert kept.state == "held"
