"""The methods of commands: what each sends, what it refuses, and that a real server understands it."""

from __future__ import annotations

import inspect
import json
import pathlib
from collections.abc import Callable
from typing import Any

import pytest
import standfast
import standfast.aio
from lab import Lab
from standfast._commands import Commands

VECTORS = pathlib.Path(__file__).parents[2] / "tests/vectors/commands.json"
CALLS: list[dict[str, Any]] = json.loads(VECTORS.read_text())["calls"]


class Recorder(Commands[bytes]):
    """Sends nothing; its methods return the words instead."""

    def _run(self, words: Any) -> Any:
        return list(words)


def text(words: list[Any]) -> list[str]:
    return [word if isinstance(word, str) else repr(word) for word in words]


def call(on: Any, vector: dict[str, Any]) -> Any:
    name, (positional, named) = vector["python"][0], vector["python"][1:]
    return getattr(on, name)(*positional, **named)


def test_every_method_sends_its_words() -> None:
    wrong = []
    for vector in CALLS:
        words = text(call(Recorder(), vector))
        if words != vector["words"]:
            wrong.append((vector["python"], words, vector["words"]))
    assert not wrong


def test_every_method_has_a_vector() -> None:
    methods = {name for name, _ in inspect.getmembers(Commands, inspect.isfunction) if not name.startswith("_")}
    assert methods == {vector["python"][0] for vector in CALLS}
    assert len(methods) > 330


def sent(method: Callable[[Recorder], Any]) -> str:
    return " ".join(text(method(Recorder())))


@pytest.mark.parametrize(
    ("method", "words"),
    [
        (lambda c: c.set("k", "v", ex=10, nx=True, get=True), "SET k v NX GET EX 10"),
        (lambda c: c.delete("a", "b"), "DEL a b"),
        (lambda c: c.delete(["a", "b"]), "DEL a b"),
        (lambda c: c.mget(("a", "b"), "c"), "MGET a b c"),
        (lambda c: c.mset({"a": 1, "b": 2}), "MSET a 1 b 2"),
        (lambda c: c.mset([("a", 1), ("b", 2)]), "MSET a 1 b 2"),
        (lambda c: c.hset("h", "f", "v"), "HSET h f v"),
        (lambda c: c.hset("h", "f", "v", "g", "w"), "HSET h f v g w"),
        (lambda c: c.hset("h", mapping={"f": "v"}), "HSET h f v"),
        (lambda c: c.zadd("z", {"a": 1, "b": 2.5}, xx=True), "ZADD z XX 1 a 2.5 b"),
        (lambda c: c.zadd("z", 1, "a"), "ZADD z 1 a"),
        (lambda c: c.zrange("z", 0, -1, rev=True, limit=(0, 5), withscores=True), "ZRANGE z 0 -1 REV LIMIT 0 5 WITHSCORES"),
        (lambda c: c.zunion("a", "b", weights=[1, 2], aggregate="max"), "ZUNION 2 a b WEIGHTS 1 2 AGGREGATE MAX"),
        (lambda c: c.lmpop(["a", "b"], "left", count=3), "LMPOP 2 a b LEFT COUNT 3"),
        (lambda c: c.blpop("q"), "BLPOP q 0"),
        (lambda c: c.blpop(["a", "b"], 0.5), "BLPOP a b 0.5"),
        (lambda c: c.xadd("s", {"f": "v"}, maxlen=100, approximate=True), "XADD s MAXLEN ~ 100 * f v"),
        (lambda c: c.xadd("s", {"f": "v"}, id="1-1"), "XADD s 1-1 f v"),
        (lambda c: c.xread({"s": "0", "t": "$"}, count=10, block=500), "XREAD COUNT 10 BLOCK 500 STREAMS s t 0 $"),
        (lambda c: c.xreadgroup("g", "c", {"s": ">"}, noack=True), "XREADGROUP GROUP g c NOACK STREAMS s >"),
        (lambda c: c.eval("return 1", 1, "k", "a"), "EVAL return 1 1 k a"),
        (lambda c: c.scan(match="a*", count=10), "SCAN 0 MATCH a* COUNT 10"),
        (lambda c: c.sort("k", get=["a", "b"], desc=True), "SORT k GET a GET b DESC"),
        (lambda c: c.client_info(), "CLIENT INFO"),
        (lambda c: c.client_kill(id=7, skipme="no"), "CLIENT KILL ID 7 SKIPME NO"),
        (lambda c: c.config_get("max*"), "CONFIG GET max*"),
        (lambda c: c.config_set({"a": 1}), "CONFIG SET a 1"),
        (lambda c: c.flushall(asynchronous=True), "FLUSHALL ASYNC"),
        (lambda c: c.geosearch("g", fromlonlat=(1, 2), byradius=(3, "km"), count=2, any=True),
         "GEOSEARCH g FROMLONLAT 1 2 BYRADIUS 3 km COUNT 2 ANY"),
        (lambda c: c.hexpire("h", 10, "a", "b", nx=True), "HEXPIRE h 10 NX FIELDS 2 a b"),
        (lambda c: c.hsetex("h", {"a": 1, "b": 2}, ex=5), "HSETEX h EX 5 FIELDS 2 a 1 b 2"),
        (lambda c: c.bitcount("k", 0, 5, "bit"), "BITCOUNT k 0 5 BIT"),
    ],
)
def test_as_the_documentation_of_the_servers_writes_it(method: Callable[[Recorder], Any], words: str) -> None:
    assert sent(method) == words


@pytest.mark.parametrize(
    "method",
    [
        lambda c: c.set("k", "v", exx=10),
        lambda c: c.set("k"),
        lambda c: c.set("k", "v", nx=1),
        lambda c: c.delete(),
        lambda c: c.delete([]),
        lambda c: c.delete({"a": 1}),
        lambda c: c.delete(None),
        lambda c: c.mset({}),
        lambda c: c.mset("a"),
        lambda c: c.mset("a", 1, "b"),
        lambda c: c.mset(None),
        lambda c: c.hset("h", "f", "v", mapping={"g": 1}),
        lambda c: c.zrange("z", 0, -1, limit=5),
        lambda c: c.zrange("z", 0, -1, limit=(1, 2, 3)),
        lambda c: c.xread(["s"]),
        lambda c: c.xread({}),
        lambda c: c.xadd("s", {"f": "v"}, approximate=True),
        lambda c: c.geosearch("g", frommember="m", byradius=(1, "m"), any=True),
    ],
)
def test_what_cannot_be_sent_is_refused_as_python_refuses_it(method: Callable[[Recorder], Any]) -> None:
    with pytest.raises(TypeError):
        sent(method)


def test_a_word_that_is_not_in_the_list_is_refused() -> None:
    with pytest.raises(ValueError, match="where is one of LEFT, RIGHT"):
        sent(lambda c: c.lmpop("k", "MIDDLE"))  # type: ignore[arg-type]


# What would end, stop or change the server, or needs another one.
NOT_CALLED = {
    "shutdown", "failover", "replicaof", "slaveof", "migrate", "client|kill", "client|pause", "script|debug", "waitaof",
    "module|load", "module|loadex", "module|unload", "config|set", "config|rewrite", "save", "bgsave", "bgrewriteaof",
    "acl|load", "acl|save", "acl|setuser", "acl|deluser", "function|kill", "script|kill",
}  # fmt: skip

# Calls that make sense, where those of the vectors do not, or would wait.
SENSIBLE: list[Callable[[standfast.Client[bytes]], Any]] = [
    lambda c: c.rpush("l", *range(100)),
    lambda c: c.zadd("z", {str(n): n for n in range(100)}),
    lambda c: c.blpop("l"),
    lambda c: c.brpop(["l", "m"], 1),
    lambda c: c.blmove("l", "m", "LEFT", "RIGHT", 1),
    lambda c: c.blmpop(1, "l", "LEFT", count=2),
    lambda c: c.brpoplpush("l", "m", 1),
    lambda c: c.bzpopmin("z", 1),
    lambda c: c.bzpopmax("z"),
    lambda c: c.bzmpop(1, ["z"], "MIN", count=2),
    lambda c: c.xread({"x": "0"}, block=1),
    lambda c: c.xgroup_create("x", "g", "$", mkstream=True),
    lambda c: c.xreadgroup("g", "c", {"x": ">"}, count=1, block=1),
    lambda c: c.xadd("x", {"f": "v"}, maxlen=5, approximate=True, limit=10),
    lambda c: c.xtrim("x", minid="0-1"),
    lambda c: c.xpending("x", "g", "-", "+", 5, idle=1),
    lambda c: c.geoadd("g", 1, 2, "a", 3, 4, "b", nx=True),
    lambda c: c.geoadd("g", (1, 2, "a"), (3, 4, "b"), ch=True),
    lambda c: c.geosearch("g", frommember="a", bybox=(9, 9, "km"), count=1, any=True, withdist=True),
    lambda c: c.geosearchstore("h", "g", fromlonlat=(1, 2), byradius=(9, "km"), asc=True, storedist=True),
    lambda c: c.bitfield("k", "INCRBY", "u8", 0, 1, "OVERFLOW", "SAT", "GET", "u4", 0),
    lambda c: c.bitfield_ro("k", "GET", "u8", 0),
    lambda c: c.command_getkeys("SET", "k", "v"),
    lambda c: c.command_getkeysandflags("SET", "k", "v"),
    lambda c: c.cluster_setslot(1, stable=True),
    lambda c: c.zrange("z", "-inf", "+inf", byscore=True, rev=True, limit=(0, 1), withscores=True),
    lambda c: c.zrangestore("y", "z", 0, "(9", byscore=True, limit=(0, 1)),
    lambda c: c.restore("r", 0, c.dump("z") or b"", replace=True, idletime=1),
    lambda c: c.wait(0, 10),
]


def understood(call: Callable[[], Any]) -> bool:
    """Whether the server took it for a command and its arguments; what it says about the values does not matter here."""
    try:
        call()
    except standfast.ServerError as error:
        refusals = ("syntax error", "wrong number of arguments", "unknown command", "nknown subcommand")
        return not any(refusal in str(error) for refusal in refusals)
    return True


def test_a_real_server_understands_every_method(lab: Lab) -> None:
    recorder = Recorder()
    with standfast.connect(lab.url, db=7) as client:
        client.flushdb()
        done = set()
        for sensible in SENSIBLE:
            # It must not only be understood, but work.
            try:
                sensible(client)
            except standfast.ServerError as error:
                assert "cluster support disabled" in str(error), error
            done.add(tuple(text(sensible(recorder))[:2]))  # type: ignore[arg-type]
        known = {name.decode() for name in client.command_list()}
        subcommands = {name for row in client.command_info() if row for name in (row[0], *(sub[0] for sub in row[9]))}
        left: dict[str, bool] = {}
        for vector in CALLS:
            name = vector["command"]
            if name.split("|")[0] not in known or name.encode() not in subcommands or name in NOT_CALLED:
                continue
            words = vector["words"]
            sensibly = any(words[0] == head and (len(name.split("|")) == 1 or words[1] == sub) for head, sub in done)
            if sensibly or left.get(name):
                continue
            left[name] = understood(lambda vector=vector: call(client, vector))  # type: ignore[misc]
        assert [name for name, well in left.items() if not well] == []
        assert len(left) + len(done) + len(NOT_CALLED) > 310


async def test_the_asyncio_client_has_the_same_methods(lab: Lab) -> None:
    async with await standfast.aio.connect(lab.url, decode=True) as client:
        await client.delete("methods:z")
        assert await client.zadd("methods:z", {"a": 1, "b": 2}) == 2
        assert await client.zrange("methods:z", 0, -1) == ["a", "b"]
        assert await client.with_options(decode=False).zrange("methods:z", 0, -1) == [b"a", b"b"]
        with pytest.raises(standfast.NetworkError, match="50 ms"):
            await client.with_options(timeout=0.05).execute("DEBUG", "SLEEP", 0.3)


def test_other_options_for_some_calls(lab: Lab) -> None:
    with standfast.connect(lab.url) as client:
        client.set("methods:k", "grün")
        assert client.get("methods:k") == "grün".encode()
        text = client.with_options(decode=True)
        assert text.get("methods:k") == "grün"
        assert text.with_options(timeout=1).get("methods:k") == "grün"
        with pytest.raises(standfast.NetworkError, match="50 ms"):
            client.with_options(timeout=0.05).execute("DEBUG", "SLEEP", 0.3)
        del text
        assert client.get("methods:k") == "grün".encode()
    with pytest.raises(standfast.UsageError):
        client.with_options(decode=True).get("methods:k")
