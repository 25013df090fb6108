"""Scans and single nodes with both faces."""

from __future__ import annotations

from typing import Any

import pytest
import standfast
from faces import Asyncio
from lab import Lab
from test_locks import Calls, calls

__all__ = ["calls"]


def read(calls: Calls, stream: Any) -> list[Any]:
    if isinstance(calls.face, Asyncio):

        async def collect() -> list[Any]:
            return [item async for item in stream]

        return calls.face.run(collect())
    return list(stream)


def test_a_scan_gives_everything_once(calls: Calls, lab: Lab) -> None:
    client = calls.client(lab.url)
    calls(client.mset({f"py:scan:{n}": n for n in range(500)}))
    calls(client.execute("WAIT", 2, 5000))
    wanted = {f"py:scan:{n}".encode() for n in range(500)}
    found = read(calls, client.scan_iter("py:scan:*", count=50))
    assert set(found) == wanted
    found = read(calls, client.scan_iter("py:scan:*", type="string", master=True, restart=True))
    assert len(found) == 500 and set(found) == wanted
    assert read(calls, client.scan_iter("py:scan:*", type="hash")) == []
    text = client.with_options(decode=True)
    assert read(calls, text.scan_iter("py:scan:7")) == ["py:scan:7"]
    calls(client.hset("py:h", "f", "v"))
    calls(client.sadd("py:s", "m"))
    calls(client.zadd("py:z", {"m": 1.5}))
    assert read(calls, client.hscan_iter("py:h", master=True)) == [(b"f", b"v")]
    assert read(calls, client.sscan_iter("py:s", master=True)) == [b"m"]
    assert read(calls, text.zscan_iter("py:z", master=True)) == [("m", 1.5)]
    with pytest.raises(standfast.ServerError):
        read(calls, client.hscan_iter("py:s", master=True))
    with pytest.raises(standfast.UsageError):
        client.scan_iter(count=0)


def test_a_scan_that_begins_again_says_so(calls: Calls, own_lab: Lab) -> None:
    client = calls.client(own_lab.url)
    calls(client.mset({f"key:{n}": n for n in range(500)}))
    calls(client.execute("WAIT", 2, 5000))
    restarted = read_with_kill(calls, client.scan_iter(count=10, restart=True), client, own_lab)
    (change,) = [item for item in restarted if isinstance(item, standfast.NodeChanged)]
    assert change.old_node != change.new_node
    keys = [item for item in restarted if not isinstance(item, standfast.NodeChanged)]
    assert len(keys) == len(set(keys)) == 500


def read_with_kill(calls: Calls, scan: Any, client: Any, lab: Lab) -> list[Any]:
    def node() -> str:
        (link,) = [link for link in client.status()["links"] if link["kind"] == "scan"]
        address: str = link["address"]
        return address

    if isinstance(calls.face, Asyncio):

        async def collect() -> list[Any]:
            found: list[Any] = []
            async for item in scan.items():
                if not found:
                    lab.kill_node(node())
                found.append(item)
            return found

        return calls.face.run(collect())
    found: list[Any] = []
    for item in scan.items():
        if not found:
            lab.kill_node(node())
        found.append(item)
    return found


def test_a_node_is_asked_by_its_address(calls: Calls, lab: Lab) -> None:
    client = calls.client(lab.url)
    for known in client.nodes():
        node = client.node(known["address"])
        assert node.role == "unknown"
        calls(node.execute("DBSIZE"))
        assert node.role == known["role"]
        with pytest.raises(standfast.UsageError):
            calls(node.execute("SET", "k", "v"))
    sentinel = client.sentinel(lab.sentinels[0])
    assert len(calls(sentinel.execute("SENTINEL", "MYID", decode=True))) == 40
    assert (sentinel.role, sentinel.address) == ("sentinel", lab.sentinels[0])
    with pytest.raises(standfast.UsageError):
        client.node("127.0.0.1:1")


def test_a_write_probe_is_shown(calls: Calls, lab: Lab) -> None:
    client = calls.client(lab.url + "?write_probe_interval=50ms")
    while (event := calls(client.next_event(30)))["kind"] != "write_probe":
        pass
    assert event["ok"] is True and event["error"] is None and event["duration"] >= 0
    assert client.status()["write_probe"]["ok"] is True


def test_reads_go_to_replicas(calls: Calls, own_lab: Lab) -> None:
    client = calls.client(own_lab.url + "?read_from=replica")
    own_lab.wait_replicating()
    calls(client.set("k", "v"))
    calls(client.execute("WAIT", 2, 5000))
    assert calls(client.get("k")) == b"v"
    assert calls(client.execute("GET", "k", read_from="prefer_replica")) == b"v"
    master = client.node(client.status()["master"])

    def served() -> bool:
        return b"cmdstat_get" in calls(master.execute("INFO", "commandstats"))

    assert not served()
    assert calls(client.with_options(read_from="master").get("k")) == b"v"
    assert served()
    with pytest.raises(standfast.UsageError):
        calls(client.execute("GET", "k", read_from="nonsense"))
