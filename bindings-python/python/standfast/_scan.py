"""Scans for threads: iterate, or take everything with the changes of the node."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from . import _native

ItemT = TypeVar("ItemT")


@dataclass(frozen=True, slots=True)
class NodeChanged:
    """The node under a scan changed; it begins again, without what it has given already."""

    old_node: str
    """Where the scan was, as ``host:port``."""
    new_node: str
    """Where it begins again."""


def item_of(value: Any) -> Any:
    """An item as users see it: pairs are tuples, a change is an object of its own."""
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, dict):
        return NodeChanged(*(_native.text_of(node) for node in value.values()))
    return value


class Scan(Generic[ItemT]):
    """A scan under way, on one node: a healthy replica, or the master where there is none.

    What is there from the beginning to the end is given; what comes or goes meanwhile may be. When the node changes, the
    cursor is void: iterating fails with ``Disconnected``, or, with ``restart=True``, begins again on another node and gives
    nothing twice.
    """

    def __init__(self, native: _native.Scan) -> None:
        self._native = native

    def items(self) -> Iterator[ItemT | NodeChanged]:
        """Everything that the scan has to say."""
        while (batch := self._native.next_batch()) is not None:
            yield from map(item_of, batch)

    def __iter__(self) -> Iterator[ItemT]:
        return (item for item in self.items() if not isinstance(item, NodeChanged))
