"""One node or sentinel, for asyncio."""

from __future__ import annotations

from typing import Any

from .. import _native
from .._arguments import Argument
from .._node import NodeBase
from ._loop import Drivers


class NodeClient(NodeBase):
    """One node or sentinel, asked itself whatever its role is; see :class:`standfast.NodeClient`."""

    def __init__(self, drivers: Drivers, client: _native.Client, address: str, sentinel: bool, decode: bool) -> None:
        super().__init__(client, address, sentinel, decode)
        self._drivers = drivers

    async def execute(self, *args: Argument, timeout: float | None = None, decode: bool | None = None) -> Any:
        """Execute a command on this node; see :meth:`standfast.NodeClient.execute`."""
        decode = self._decode if decode is None else decode
        return await self._drivers.current().node(self._native, args, timeout, decode)
