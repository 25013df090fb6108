"""Commands that have methods of their own: their arguments, for the synchronous and the asyncio client alike.

Nothing is checked here. What does not go together, such as ``nx`` with ``xx``, is for the server to refuse.
"""

from __future__ import annotations

from typing import Any

Name = str | bytes
"""A key, a channel or a pattern."""

Argument = str | bytes | bytearray | memoryview | int | float
"""What a command takes: text is sent as UTF-8, numbers as Python prints them."""


def set_arguments(
    key: Name, value: Argument, ex: int | None, px: int | None, nx: bool, xx: bool
) -> tuple[Argument, ...]:
    """The arguments of SET."""
    arguments: list[Argument] = ["SET", key, value]
    if ex is not None:
        arguments += ("EX", ex)
    if px is not None:
        arguments += ("PX", px)
    if nx:
        arguments.append("NX")
    if xx:
        arguments.append("XX")
    return tuple(arguments)


def subscription_options(items: int | None, bytes_: int | None, overflow: str | None) -> dict[str, Any]:
    """The options of a subscription that were given, under the names that the core knows them by."""
    options = {"subscription_items": items, "subscription_bytes": bytes_, "overflow": overflow}
    return {name: value for name, value in options.items() if value is not None}
