"""``tests/vectors/replies.json``: what Python makes of what servers send. The other languages have the same test."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import standfast
import standfast.aio
from lab import lab_program

VECTORS = pathlib.Path(__file__).parents[2] / "tests/vectors/replies.json"
REPLIES: list[dict[str, Any]] = json.loads(VECTORS.read_text())["replies"]


@pytest.fixture(scope="module")
def ports() -> Iterator[tuple[int, int]]:
    """A server that sends the replies: with RESP3, and without HELLO."""
    program = lab_program().with_name("standfast-replies")
    process = subprocess.Popen([program, VECTORS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None and process.stdin is not None
        three, two = process.stdout.readline().split()
        yield int(three), int(two)
        process.stdin.close()
        process.wait(10)


@dataclasses.dataclass(frozen=True)
class ErrorValue:
    """An error inside a reply."""

    code: str
    text: str


def natural(value: list[Any], decode: bool, hashable: bool = False) -> Any:
    """The Python value that the file describes."""
    kind, *parts = value
    first: Any = parts[0] if parts else None
    if kind in ("list", "set"):
        items = [natural(item, decode, hashable or kind == "set") for item in first]
        return tuple(items) if hashable else set(items) if kind == "set" else items
    if kind == "map":
        return {natural(key, decode, True): natural(item, decode) for key, item in first}
    if kind == "text":
        raw = first.encode("latin-1")
        return raw.decode("utf-8", "surrogateescape") if decode else raw
    if kind == "error":
        return ErrorValue(*parts)
    if kind in ("int", "big"):
        return int(first)
    return {"nil": None, "double": kind == "double" and float(first)}.get(kind, first)


def exact(value: Any) -> Any:
    """The value in a form in which types, a sign of zero and what is not a number are equal or not as they look."""
    if isinstance(value, standfast.StandfastError):
        return exact(ErrorValue(value.server_code or "", value.server_text or ""))
    if isinstance(value, (list, tuple)):
        return (type(value), *map(exact, value))
    if isinstance(value, set):
        return (set, frozenset(map(exact, value)))
    if isinstance(value, dict):
        return (dict, *((exact(key), exact(item)) for key, item in value.items()))
    return (type(value), repr(value))


def compare(vector: dict[str, Any], reply: Any, decode: bool) -> None:
    assert exact(reply) == exact(natural(vector["value"], decode)), vector["name"]


def refused(vector: dict[str, Any], error: standfast.StandfastError) -> None:
    assert [error.name, error.server_code, error.server_text] == vector["error"], vector["name"]


@pytest.mark.parametrize("decode", [False, True])
def test_every_reply_becomes_its_value(ports: tuple[int, int], decode: bool) -> None:
    with (
        standfast.connect(f"redis://127.0.0.1:{ports[0]}", decode=decode) as three,
        standfast.connect(f"redis://127.0.0.1:{ports[1]}", decode=decode) as two,
    ):
        for vector in REPLIES:
            client: standfast.Client[Any] = two if vector.get("resp") == 2 else three
            try:
                reply = client.execute(*vector["words"])
            except standfast.ServerError as error:
                refused(vector, error)
            else:
                compare(vector, reply, decode)
    assert len(REPLIES) > 80


async def test_asyncio_makes_the_same_of_them(ports: tuple[int, int]) -> None:
    async with (
        await standfast.aio.connect(f"redis://127.0.0.1:{ports[0]}") as three,
        await standfast.aio.connect(f"redis://127.0.0.1:{ports[1]}") as two,
    ):
        for vector in REPLIES:
            try:
                reply = await (two if vector.get("resp") == 2 else three).execute(*vector["words"])
            except standfast.ServerError as error:
                refused(vector, error)
            else:
                compare(vector, reply, False)
