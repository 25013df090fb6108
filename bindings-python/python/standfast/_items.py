"""What is handed out one by one: messages, gaps and the count of what was dropped by subscriptions, and log records.

All times are seconds since 1970-01-01 UTC, as ``time.time()`` counts them. The extension module makes these objects, field
by field in the order written here, except log records.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

TextT = TypeVar("TextT", bytes, str)
"""What contents are: ``bytes``, or ``str`` for a client with ``decode=True``."""


@dataclass(frozen=True, slots=True)
class Gap:
    """An interruption: messages published between ``since`` and ``until`` may be missing."""

    since: float
    """The last moment when nothing was missing."""
    until: float
    """The moment when the server confirmed the subscription again."""
    reason: str
    """Why, such as ``switched`` or ``link_lost``."""
    old_master: str | None
    """The master before, as ``host:port``, if there was one."""
    new_master: str | None
    """The master after, as ``host:port``."""
    generation: int
    """The generation after."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """Messages that a full queue forgot at this place."""

    count: int
    """How many messages."""
    bytes: int
    """How many bytes."""


@dataclass(frozen=True, slots=True)
class Message(Generic[TextT]):
    """A message as it came from the server."""

    channel: str
    """The channel it was published on."""
    pattern: str | None
    """The pattern that matched, for pattern subscriptions."""
    payload: TextT
    """What was published."""
    gap_before: Gap | None
    """The gap that came just before it, if one did."""
    generation: int
    """The generation of the master it came from."""
    received_at: float
    """When it was received."""


@dataclass(frozen=True, slots=True)
class LogRecord:
    """What the core has to tell about its work. Never contains a secret or a command's arguments."""

    at: float
    """When."""
    level: str
    """How serious: ``error``, ``warn``, ``info`` or ``debug``."""
    message: str
    """What happened, on one line."""
    dropped_before: int
    """How many records before this one were forgotten, because the reader was slow."""
