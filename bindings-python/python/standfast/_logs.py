"""Log records for threads: a reader, and a thread that forwards them to :mod:`logging`.

The core never calls into Python: records wait in a bounded queue until they are pulled. Nothing is recorded for nobody.
"""

from __future__ import annotations

import logging
import os
import threading
import traceback
from collections.abc import Iterator
from types import TracebackType

from . import _native
from ._errors import ErrorCode, StandfastError
from ._items import LogRecord


class Logs:
    """A reader of the log records of all clients of this process. Made by :func:`logs`.

    Iterating yields the records as they come, until the reader is closed. It may be read by several threads; each record goes
    to one of them. A slow reader keeps the latest 1024 records; the next record says how many were forgotten.
    """

    def __init__(self, native: _native.Logs) -> None:
        self._native = native

    def next(self, timeout: float | None = None) -> LogRecord | None:
        """The next record, or ``None`` when the timeout passes first.

        Args:
            timeout: Seconds; 0 looks only, ``None`` waits for ever.

        Raises:
            SubscriptionError: ``EndOfStream`` when the reader was closed and everything was read.
        """
        fields = self._native.next(timeout)
        return None if fields is None else LogRecord(**fields)

    def __iter__(self) -> Iterator[LogRecord]:
        while True:
            try:
                record = self.next()
            except StandfastError as error:
                if error.code == ErrorCode.END_OF_STREAM:
                    return
                raise
            if record is not None:
                yield record

    def close(self) -> None:
        """Record no more. Whoever waits wakes up; what was recorded before can still be read."""
        self._native.close()

    def __enter__(self) -> Logs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def logs(level: str = "info") -> Logs:
    """Record from now on what all clients of this process have to tell. No client is needed yet.

    Args:
        level: ``error``, ``warn``, ``info`` or ``debug``: this one, and what is more serious.

    Raises:
        UsageError: ``InvalidArgument`` for another level.
    """
    return Logs(_native.Logs.open(level))


class LogForwarder:
    """A thread that forwards log records to a logger. Made by :func:`log_to`; nobody needs to keep it."""

    def __init__(self, native: _native.Logs, logger: logging.Logger) -> None:
        self._native = native
        self._logger = logger
        # A daemon: the interpreter must not wait for it before the clients are closed, whose last words it forwards.
        self._thread = threading.Thread(target=self._run, name="standfast-logs", daemon=True)
        _forwarders.add(self)
        self._thread.start()

    def close(self) -> None:
        """Forward what was recorded, and no more. When it returns, no handler is called any more."""
        self._native.close()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def __enter__(self) -> LogForwarder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        try:
            while True:
                fields = self._native.next(None)
                if fields is not None:
                    self._forward(LogRecord(**fields))
        except StandfastError as error:
            # Other errors are the exit's way to say that nobody waits any more; what is left is for `_finish`.
            if error.code == ErrorCode.END_OF_STREAM:
                _forwarders.discard(self)

    def _forward(self, record: LogRecord) -> None:
        try:
            if record.dropped_before:
                self._logger.warning("%d log records were dropped: their handlers are slow", record.dropped_before)
            level = _LEVELS[record.level]
            if self._logger.isEnabledFor(level):
                self._logger.handle(self._made(level, record))
        except Exception:
            # A handler deals with its own errors; this was a filter or a class of somebody's. The next record may fare better.
            if logging.raiseExceptions:
                traceback.print_exc()

    def _made(self, level: int, record: LogRecord) -> logging.LogRecord:
        made = self._logger.makeRecord(self._logger.name, level, "standfast", 0, record.message, (), None)
        # It happened when it happened, not when it was pulled.
        made.relativeCreated -= (made.created - record.at) * 1000
        made.created = record.at
        made.msecs = record.at % 1 * 1000
        return made

    def _finish(self, patience: float) -> None:
        self._native.close()
        self._thread.join(patience)
        try:
            while not self._thread.is_alive() and (fields := self._native.try_next()) is not None:
                self._forward(LogRecord(**fields))
        except StandfastError:
            # The end.
            pass


def log_to(logger: logging.Logger | None = None, level: str = "info") -> LogForwarder:
    """Forward what all clients of this process have to tell to a logger, from now on.

    A daemon thread of the wrapper pulls the records and calls the logger, never a thread of the core: a slow handler slows
    nobody down. At the exit of the interpreter the records of the closing clients are still forwarded. In a forked child
    nothing is forwarded until it calls this function itself.

    Args:
        logger: Where to; the logger named ``standfast`` if not given.
        level: ``error``, ``warn``, ``info`` or ``debug``: what is recorded. The logger's own level and filters hold as well.

    Raises:
        UsageError: ``InvalidArgument`` for another level.
    """
    return LogForwarder(_native.Logs.open(level), logger if logger is not None else logging.getLogger("standfast"))


_LEVELS = {"error": logging.ERROR, "warn": logging.WARNING, "info": logging.INFO, "debug": logging.DEBUG}

_forwarders: set[LogForwarder] = set()

_EXIT_PATIENCE = 5.0
"""How long the exit waits for a handler, in seconds."""


def finish() -> None:
    """Forward what the closing clients said. Registered with ``atexit``, to run after them and before ``logging`` ends."""
    while _forwarders:
        _forwarders.pop()._finish(_EXIT_PATIENCE)


# Its threads do not exist in a child, and its readers are the parent's.
os.register_at_fork(after_in_child=_forwarders.clear)
