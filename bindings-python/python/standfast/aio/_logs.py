"""Log records for asyncio: a reader to be awaited. Forwarding them to :mod:`logging` is :func:`standfast.log_to`."""

from __future__ import annotations

from types import TracebackType

from .. import _native
from .._errors import ErrorCode, StandfastError
from .._items import LogRecord
from ._loop import Bell, Turns, read


class Logs:
    """A reader of the log records of all clients of this process. Made by :func:`logs`.

    Iterating yields the records as they come, until the reader is closed. It may be read by several tasks; each record goes to
    one of them. A slow reader keeps the latest 1024 records; the next record says how many were forgotten.
    """

    def __init__(self, native: _native.Logs) -> None:
        self._native = native
        self._bell = Bell(native)
        self._turns = Turns()

    async def next(self, timeout: float | None = None) -> LogRecord | None:
        """The next record, or ``None`` when the timeout passes first.

        Args:
            timeout: Seconds; 0 looks only, ``None`` waits for ever.

        Raises:
            SubscriptionError: ``EndOfStream`` when the reader was closed and everything was read.
        """
        fields = await read(self._native.try_next, self._bell, self._turns, timeout)
        return None if fields is None else LogRecord(**fields)

    def __aiter__(self) -> Logs:
        return self

    async def __anext__(self) -> LogRecord:
        while True:
            try:
                record = await self.next()
            except StandfastError as error:
                if error.code == ErrorCode.END_OF_STREAM:
                    raise StopAsyncIteration from None
                raise
            if record is not None:
                return record

    async def close(self) -> None:
        """Record no more. Whoever waits wakes up; what was recorded before can still be read."""
        self._native.close()

    async def __aenter__(self) -> Logs:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def logs(level: str = "info") -> Logs:
    """Record from now on what all clients of this process have to tell. No client is needed yet.

    Args:
        level: ``error``, ``warn``, ``info`` or ``debug``: this one, and what is more serious.

    Raises:
        UsageError: ``InvalidArgument`` for another level.
    """
    return Logs(_native.Logs.open(level))
