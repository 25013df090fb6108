"""What goes in and what comes out: arguments as bytes, replies as natural values."""

from __future__ import annotations

import enum
import math
from typing import Any

import pytest
import standfast
from faces import Connected, Face
from lab import Lab


class Color(enum.IntEnum):
    RED = 7


class Name(str):
    def __str__(self) -> str:
        return "not this"


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (b"\x00\xff\r\n", b"\x00\xff\r\n"),
        (bytearray(b"ba"), b"ba"),
        (memoryview(b"xmvx")[1:3], b"mv"),
        ("grün €", "grün €".encode()),
        ("", b""),
        (0, b"0"),
        (-(2**63), b"-9223372036854775808"),
        (2**200, str(2**200).encode()),
        (Color.RED, b"7"),
        (Name("this"), b"this"),
        (1.5, b"1.5"),
        (0.1 + 0.2, b"0.30000000000000004"),
        (-0.0, b"-0.0"),
        (1e300, b"1e+300"),
        (math.inf, b"inf"),
        ("\udcff", b"\xff"),
    ],
)
def test_an_argument_is_sent_as_it_is(client: Connected, value: Any, stored: bytes) -> None:
    assert client.execute("ECHO", value) == stored


@pytest.mark.parametrize("value", [True, None, ["a"], {"a": 1}, object(), 1j, "\ud800"])
def test_an_argument_of_another_type_is_refused(client: Connected, value: Any) -> None:
    with pytest.raises(standfast.UsageError, match="argument 1 of the command") as caught:
        client.execute("ECHO", value)
    assert caught.value.code == standfast.ErrorCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("string", b"Hello World"),
        ("integer", 12345),
        ("double", 3.141),
        ("null", None),
        ("array", [0, 1, 2]),
        ("set", {0, 1, 2}),
        ("map", {0: False, 1: True, 2: False}),
        ("true", True),
        ("false", False),
        ("bignum", 1234567999999999999999999999999999999),
        ("verbatim", b"This is a verbatim\nstring"),
    ],
)
def test_every_kind_of_reply_has_its_natural_type(client: Connected, kind: str, expected: Any) -> None:
    reply = client.execute("DEBUG", "PROTOCOL", kind)
    assert reply == expected
    assert type(reply) is type(expected)
    if kind == "map":
        assert [type(value) for value in reply.values()] == [bool, bool, bool]


def test_status_words_are_text_and_contents_are_bytes(client: Connected) -> None:
    assert client.execute("SET", "types:status", "v") == "OK"
    assert client.execute("PING") == "PONG"
    assert client.execute("GET", "types:status") == b"v"


def test_nested_replies_are_lists_and_dicts(client: Connected) -> None:
    client.execute("DEL", "types:h", "types:z")
    assert client.execute("HSET", "types:h", "f", 1, "g", 2) == 2
    assert client.execute("HGETALL", "types:h") == {b"f": b"1", b"g": b"2"}
    client.execute("ZADD", "types:z", 1.5, "a", math.inf, "b")
    assert client.execute("ZRANGE", "types:z", 0, -1, "WITHSCORES") == [[b"a", 1.5], [b"b", math.inf]]
    assert client.execute("EVAL", "return {1, {2, {3, 'x'}}, false}", 0) == [1, [2, [3, b"x"]], None]


def test_an_error_inside_an_array_is_an_exception_in_the_list(client: Connected) -> None:
    script = "return {1, redis.error_reply('WRONGTYPE inside'), 3}"
    first, error, last = client.execute("EVAL", script, 0)
    assert (first, last) == (1, 3)
    assert isinstance(error, standfast.ServerError)
    assert "WRONGTYPE inside" in error.message


def test_decode_makes_text_and_loses_nothing(face: Face, lab: Lab) -> None:
    client = face.connect(lab.url, decode=True)
    client.set("types:text", "grün")
    assert client.get("types:text") == "grün"
    assert client.execute("GET", "types:text", decode=False) == "grün".encode()
    client.set("types:raw", b"a\xff")
    raw = client.get("types:raw")
    assert raw == "a\udcff"
    client.set("types:copy", raw)
    assert client.execute("GET", "types:copy", decode=False) == b"a\xff"


def test_decode_can_be_asked_for_by_call(client: Connected) -> None:
    client.execute("HSET", "types:d", "f", "v")
    assert client.execute("HGETALL", "types:d", decode=True) == {"f": "v"}


def test_a_large_value_survives(client: Connected) -> None:
    value = bytes(range(256)) * 4096 * 8
    client.set("types:large", value)
    assert client.get("types:large") == value
