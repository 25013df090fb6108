"""Arguments of commands, and how several of them become words on the wire.

Values are checked by the extension module when they are encoded; what is checked here is their number and their form. Messages
name types, never values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Name = str | bytes
"""A key, a channel or a pattern."""

Argument = str | bytes | bytearray | memoryview | int | float
"""What a command takes: text is sent as UTF-8, numbers as Python prints them."""

Number = float | str | bytes
"""A number, or text such as ``"-inf"`` or ``"(1.5"``, where the command takes that."""

_ONE = (str, bytes, int, float, bytearray, memoryview)


def several(words: list[Any], what: str, values: tuple[Any, ...]) -> None:
    """One value or more, given one by one or in lists."""
    before = len(words)
    any_of(words, what, values)
    if len(words) == before:
        raise TypeError(f"{words[0]} needs at least one of {what}")


def any_of(words: list[Any], what: str, values: tuple[Any, ...]) -> None:
    """Any number of values, given one by one or in lists."""
    for value in values:
        if isinstance(value, _ONE):
            words.append(value)
        elif isinstance(value, Iterable) and not isinstance(value, Mapping):
            words.extend(value)
        else:
            raise TypeError(f"{what}: a value or a list of values is needed, not {type(value).__name__}")


def each(words: list[Any], what: str, values: Any, word: str) -> None:
    """The word before each value."""
    found: list[Any] = []
    any_of(found, what, (values,))
    for value in found:
        words += (word, value)


def pairs_of(words: list[Any], what: str, values: tuple[Any, ...], mapping: Any, swapped: bool) -> None:
    """A mapping, or pairs, or keys and values in turn. ``swapped``: of a mapping the value is sent before the key."""
    if mapping is not None:
        if values:
            raise TypeError(f"{words[0]} takes {what} or mapping, not both")
        values = (mapping,)
    before = len(words)
    if len(values) == 1:
        (found,) = values
        if isinstance(found, _ONE) or not isinstance(found, Iterable):
            raise TypeError(f"{what}: a mapping or pairs are needed, not {type(found).__name__}")
        for key, value in found.items() if isinstance(found, Mapping) else found:
            words += (value, key) if swapped else (key, value)
    elif len(values) % 2:
        raise TypeError(f"{what}: a mapping, or pairs of arguments, not {len(values)} arguments")
    else:
        words.extend(values)
    if len(words) == before:
        raise TypeError(f"{words[0]} needs at least one of {what}")


def together(words: list[Any], what: str, values: Any, count: int) -> None:
    """As many values as belong together."""
    if not isinstance(values, (tuple, list)) or len(values) != count:
        raise TypeError(f"{what} takes a tuple of {count} values")
    words.extend(values)


def streams_of(words: list[Any], what: str, streams: Any) -> None:
    """The names of streams, then the positions in them."""
    if not isinstance(streams, Mapping) or not streams:
        raise TypeError(f"{what} is a mapping from streams to positions in them")
    words.extend(streams.keys())
    words.extend(streams.values())


def switch(what: str, value: Any, word: str) -> str:
    """The word of a switch that is on."""
    if value is True:
        return word
    raise TypeError(f"{what} is True or False, not {type(value).__name__}")


def lacking(what: str, *others: str) -> TypeError:
    """The error for an argument that says nothing without another one."""
    return TypeError(f"{what} needs {' or '.join(others)}")


def chosen(what: str, value: Any, words: tuple[str, ...]) -> str:
    """One of these words, in any case."""
    if isinstance(value, str) and value.upper() in words:
        return value.upper()
    raise ValueError(f"{what} is one of {', '.join(words)}")


def subscription_options(items: int | None, bytes_: int | None, overflow: str | None) -> dict[str, Any]:
    """The options of a subscription that were given, under the names that the core knows them by."""
    options = {"subscription_items": items, "subscription_bytes": bytes_, "overflow": overflow}
    return {name: value for name, value in options.items() if value is not None}
