"""The exceptions of Standfast, and which one an error becomes.

Every failure is a :class:`StandfastError` with the same code, name and advice in every language. There is one subclass for
each category; where a built-in exception says the same thing, the class derives from it as well, so that ``except
TimeoutError`` and ``except ConnectionError`` work. The list of codes is the core's; the drift test compares them.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


class ErrorCode(enum.IntEnum):
    """The number of an error, the same in every language. The category is the number divided by 100."""

    NULL_ARGUMENT = 101
    INVALID_ARGUMENT = 102
    INVALID_HANDLE = 103
    CLOSED = 104
    WOULD_DEADLOCK = 105
    FORKED = 106
    INVALID_URL = 201
    INVALID_OPTION = 202
    UNKNOWN_OPTION = 203
    SENTINELS_UNREACHABLE = 301
    UNKNOWN_MASTER = 302
    NOT_A_SENTINEL = 303
    NOT_MASTER = 304
    NO_REPLICA = 305
    NO_QUORUM = 306
    NOT_READY = 307
    CONNECT_FAILED = 401
    TIMEOUT = 402
    DISCONNECTED = 403
    MAYBE_EXECUTED = 404
    TLS_FAILED = 405
    QUEUE_FULL = 406
    NOT_REPLICATED = 407
    CANCELLED = 408
    PROTOCOL = 409
    MASTER_AUTH_REQUIRED = 501
    MASTER_AUTH_FAILED = 502
    SENTINEL_AUTH_REQUIRED = 503
    SENTINEL_AUTH_FAILED = 504
    AUTH_NOT_EXPECTED = 505
    NO_PERMISSION = 506
    REPLY_ERROR = 507
    TRANSACTION_ABORTED = 508
    UNAVAILABLE = 509
    SUBSCRIBE_FAILED = 601
    OVERFLOW = 602
    END_OF_STREAM = 603
    LOCK_NOT_HELD = 604
    PANIC = 901
    INTERNAL = 902


@dataclass(frozen=True)
class Cause:
    """What one sentinel or node contributed to a failure."""

    address: str
    """The address as configured or announced."""
    resolved: str | None
    """The address that was really dialled, where there was one."""
    step: str
    """How far the attempt came: ``resolve``, ``connect``, ``tls``, ``auth``, ``query`` or ``role``."""
    code: int
    """The code of this failure."""
    name: str
    """Its name."""
    text: str
    """What happened, in words."""


class StandfastError(Exception):
    """What went wrong, as one line that names the problem. It never contains a secret or a command's arguments."""

    code: int
    """The number of the error, the same in every language; see :class:`ErrorCode`."""
    name: str
    """Its name, such as ``MaybeExecuted``."""
    category: str
    """``usage``, ``configuration``, ``discovery``, ``network``, ``server``, ``subscription`` or ``internal``."""
    retry: str
    """Whether to try again: ``never``, ``now``, ``later`` or ``if_idempotent``."""
    message: str
    """What happened, without the name and the causes that ``str()`` adds."""
    phase: str | None
    """For ``Timeout`` and ``MaybeExecuted``: where the command was, such as ``pending`` or ``reply``."""
    causes: list[Cause]
    """What every sentinel or node contributed, for failures of discovery."""
    server_code: str | None
    """For errors that the server gave: its code word, such as ``WRONGTYPE``."""
    server_text: str | None
    """For errors that the server gave: its text."""

    def __init__(
        self,
        message: str,
        *,
        code: int,
        name: str,
        category: str,
        retry: str,
        phase: str | None = None,
        causes: Sequence[Cause] = (),
        server: tuple[str, str] | None = None,
        text: str | None = None,
    ) -> None:
        super().__init__(f"{name}: {message}" if text is None else text)
        self.code = code
        self.name = name
        self.category = category
        self.retry = retry
        self.message = message
        self.phase = phase
        self.causes = list(causes)
        self.server_code, self.server_text = server if server is not None else (None, None)

    def __reduce__(self) -> tuple[Callable[..., StandfastError], tuple[Any, ...]]:
        server = None if self.server_code is None else (self.server_code, self.server_text)
        causes = [(c.address, c.resolved, c.step, c.code, c.name, c.text) for c in self.causes]
        parts = (self.code, self.name, self.category, self.retry, self.message, self.phase, causes, server)
        return from_native, (*parts, self.args[0])


class UsageError(StandfastError):
    """The call cannot work: a wrong argument, a closed client, a handle from before ``fork()``."""


class ConfigurationError(StandfastError, ValueError):
    """The URL or an option cannot be understood."""


class DiscoveryError(StandfastError, ConnectionError):
    """There is no usable master: the sentinels cannot be reached, do not know it, or name none."""


class NetworkError(StandfastError):
    """Something between here and the server, or the time that it took."""


class NetworkConnectionError(NetworkError, ConnectionError):
    """No connection could be made, or it was lost."""


class NetworkTimeoutError(NetworkError, TimeoutError):
    """The deadline passed; the command was certainly not executed, or it only reads."""


class ServerError(StandfastError):
    """The server refused."""


class SubscriptionError(StandfastError):
    """A subscription could not be made or has ended, or a lock is not held."""


class InternalError(StandfastError):
    """A bug in Standfast."""


_CLASS_OF_CATEGORY: dict[str, type[StandfastError]] = {
    "usage": UsageError,
    "configuration": ConfigurationError,
    "discovery": DiscoveryError,
    "network": NetworkError,
    "server": ServerError,
    "subscription": SubscriptionError,
    "internal": InternalError,
}

_CLASS_OF_CODE: dict[int, type[StandfastError]] = {
    ErrorCode.CONNECT_FAILED: NetworkConnectionError,
    ErrorCode.TIMEOUT: NetworkTimeoutError,
    ErrorCode.DISCONNECTED: NetworkConnectionError,
    ErrorCode.MAYBE_EXECUTED: NetworkConnectionError,
    ErrorCode.TLS_FAILED: NetworkConnectionError,
}


def class_of(code: int, category: str) -> type[StandfastError]:
    """The exception class for an error with this code."""
    return _CLASS_OF_CODE.get(code) or _CLASS_OF_CATEGORY.get(category, StandfastError)


def from_native(
    code: int,
    name: str,
    category: str,
    retry: str,
    message: str,
    phase: str | None,
    causes: Sequence[tuple[str, str | None, str, int, str, str]],
    server: tuple[str, str] | None,
    text: str,
) -> StandfastError:
    """The exception for an error of the core. Called by the extension module, and by ``pickle``."""
    return class_of(code, category)(
        message,
        code=code,
        name=name,
        category=category,
        retry=retry,
        phase=phase,
        causes=[Cause(*cause) for cause in causes],
        server=server,
        text=text,
    )
