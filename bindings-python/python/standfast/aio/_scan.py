"""Scans for asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Generic

from .. import _native
from .._scan import ItemT, NodeChanged, item_of
from ._loop import Drivers


class Scan(Generic[ItemT]):
    """A scan under way; see :class:`standfast.Scan`. A step that is cancelled may take its items with it."""

    def __init__(self, drivers: Drivers, native: _native.Scan) -> None:
        self._drivers = drivers
        self._native = native

    async def items(self) -> AsyncIterator[ItemT | NodeChanged]:
        """Everything that the scan has to say."""
        while (batch := await self._drivers.current().scan(self._native)) is not None:
            for value in batch:
                yield item_of(value)

    async def __aiter__(self) -> AsyncIterator[ItemT]:
        async for item in self.items():
            if not isinstance(item, NodeChanged):
                yield item
