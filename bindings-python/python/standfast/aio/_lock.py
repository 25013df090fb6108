"""Locks for asyncio."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from .. import _native
from .._arguments import Name
from .._errors import ErrorCode, StandfastError
from .._lock import LockBase, LockChange
from ._loop import Bell, Drivers, Turns, read


class Lock(LockBase):
    """A key that holds the token of its owner for a time; see :class:`standfast.Lock`. ``async with`` takes and releases it."""

    def __init__(
        self,
        drivers: Drivers,
        client: _native.Client,
        key: Name,
        token: Name | None,
        ttl: float,
        extend: bool,
        wait: float | None,
    ) -> None:
        super().__init__(client, key, token, ttl, extend, wait)
        self._drivers = drivers
        self._bell = Bell(self._native)
        self._turns = Turns()

    async def _call(self, name: str, seconds: float | None) -> Any:
        return await self._drivers.current().lock(self._native, name, seconds)

    async def take(self, wait: float | None = 0) -> bool:
        """Take it; see :meth:`standfast.Lock.take`."""
        return bool(await self._call("take", wait))

    async def extend(self, ttl: float | None = None) -> None:
        """Make it last; see :meth:`standfast.Lock.extend`."""
        await self._call("extend", ttl)

    async def release(self) -> None:
        """Give it back; see :meth:`standfast.Lock.release`."""
        await self._call("release", None)

    async def query(self) -> bytes | None:
        """The token of whoever has it."""
        owner: bytes | None = await self._call("query", None)
        return owner

    async def next_change(self, timeout: float | None = None) -> LockChange | None:
        """The next change of its state, or ``None`` when the timeout passes first.

        Args:
            timeout: Seconds; 0 looks only, ``None`` waits for ever.
        """
        change = await read(self._native.try_next_change, self._bell, self._turns, timeout)
        return None if change is None else LockChange(*change)

    async def __aenter__(self) -> Lock:
        await self._call("acquire", self._wait)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.release()
        except StandfastError as failure:
            # The error of the block goes first; that the lock was lost is no news to whoever fails already.
            if kind is None or failure.code != ErrorCode.LOCK_NOT_HELD:
                raise
