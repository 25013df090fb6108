"""The options of :func:`standfast.connect`, for type checkers and editors.

The core knows the options, checks their values and names the nearest one when a name is wrong; this file only repeats names
and types, and the drift test compares them. Lengths of time are seconds, or text as in a URL (``"250ms"``).
"""

from __future__ import annotations

from typing import TypedDict

Seconds = float | str
"""A length of time: seconds, or text with a unit such as ``"250ms"``, ``"5s"``, ``"2m"``."""


class Options(TypedDict, total=False):
    """The options of a client. ``None`` leaves an option as the URL or its default says."""

    username: str | None
    password: str | None
    sentinel_username: str | None
    sentinel_password: str | None
    sentinel_auth: str | None
    db: int | None
    tls: str | None
    connect: str | None
    connect_deadline: Seconds | None
    connect_timeout: Seconds | None
    sentinel_timeout: Seconds | None
    hedge_delay: Seconds | None
    minority: str | None
    command_timeout: Seconds | None
    blocking_grace: Seconds | None
    when_unavailable: str | None
    protocol: str | None
    max_pending: int | None
    max_pending_bytes: int | None
    pool_size: int | None
    pool_idle: Seconds | None
    subscription_items: int | None
    subscription_bytes: int | None
    overflow: str | None
    eager_switch: bool | None
    fence: bool | None
    fence_timeout: Seconds | None
    poll_interval: Seconds | None
    heartbeat_interval: Seconds | None
    heartbeat_timeout: Seconds | None
    tcp_keepalive_idle: Seconds | None
    tcp_keepalive_interval: Seconds | None
    tcp_keepalive_probes: int | None
    tcp_user_timeout: Seconds | None
    retry_backoff_base: Seconds | None
    retry_backoff_cap: Seconds | None
    max_reply_bytes: int | None
    max_reply_depth: int | None
    client_name: str | None
