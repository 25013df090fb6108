"""Standfast: a Redis and Valkey client that stands fast while the master falls.

Give it the sentinels and a master name. It finds the master, proves that it is the master, follows every failover, keeps
subscriptions alive and says honestly what became of every command and every message.

``standfast.connect`` makes a client for threads, ``standfast.aio.connect`` one for asyncio; both have the same methods.
"""

from __future__ import annotations

import atexit
import os
from typing import TYPE_CHECKING, Any

from . import _native
from ._arguments import Argument, Name
from ._client import Client, connect, parse_url
from ._errors import (
    Cause,
    ConfigurationError,
    DiscoveryError,
    ErrorCode,
    InternalError,
    NetworkConnectionError,
    NetworkError,
    NetworkTimeoutError,
    ServerError,
    StandfastError,
    SubscriptionError,
    UsageError,
)
from ._items import Dropped, Gap, LogRecord, Message
from ._logs import LogForwarder, Logs, finish, log_to, logs
from ._options import Options
from ._subscription import Events, Subscription

if TYPE_CHECKING:
    from . import aio

__version__ = _native.__version__

__all__ = [
    "Argument",
    "Cause",
    "Client",
    "ConfigurationError",
    "DiscoveryError",
    "Dropped",
    "ErrorCode",
    "Events",
    "Gap",
    "InternalError",
    "LogForwarder",
    "LogRecord",
    "Logs",
    "Message",
    "Name",
    "NetworkConnectionError",
    "NetworkError",
    "NetworkTimeoutError",
    "Options",
    "ServerError",
    "StandfastError",
    "Subscription",
    "SubscriptionError",
    "UsageError",
    "aio",
    "connect",
    "log_to",
    "logs",
    "parse_url",
]

# The last one runs first: the clients are closed, then their last records are forwarded.
atexit.register(finish)
atexit.register(_native.at_exit)
os.register_at_fork(after_in_child=_native.after_fork_in_child)


def __getattr__(name: str) -> Any:
    """Import ``standfast.aio`` when it is first asked for: asyncio costs time and memory that threads do not need."""
    if name == "aio":
        import importlib

        return importlib.import_module("standfast.aio")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
