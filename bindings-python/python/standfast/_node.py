"""One node or sentinel, for threads."""

from __future__ import annotations

from typing import Any

from . import _native
from ._arguments import Argument


class NodeBase:
    """What is known of a node without asking; common to both faces."""

    def __init__(self, client: _native.Client, address: str, sentinel: bool, decode: bool) -> None:
        self._native = _native.Node(client, address, sentinel)
        self._decode = decode

    @property
    def address(self) -> str:
        """The address, as ``host:port``."""
        return self._native.address

    @property
    def role(self) -> str:
        """What it said when it was connected to last: ``master``, ``replica``, ``sentinel``; ``unknown`` before."""
        return self._native.role

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.address} {self.role}>"


class NodeClient(NodeBase):
    """One node or sentinel, asked itself whatever its role is. Made by :meth:`Client.node` and :meth:`Client.sentinel`."""

    def execute(self, *args: Argument, timeout: float | None = None, decode: bool | None = None) -> Any:
        """Execute a command on this node and wait for its reply; see :meth:`Client.execute`.

        Raises:
            UsageError: The command may write data: that goes to the master, through the client.
        """
        return self._native.execute(args, timeout, self._decode if decode is None else decode)
