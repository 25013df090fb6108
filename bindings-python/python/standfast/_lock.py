"""Locks for threads."""

from __future__ import annotations

from types import TracebackType
from typing import NamedTuple

from . import _native
from ._arguments import Name
from ._errors import ErrorCode, StandfastError


class Fence(NamedTuple):
    """A number for each taking of a lock, greater than that of every taking before it, also over a failover."""

    epoch: int
    """The ``config-epoch`` of the master; 0 without sentinels."""
    counter: int
    """Counts the takings."""


class LockChange(NamedTuple):
    """A change of a lock's state."""

    state: str
    """``held``, ``uncertain``, ``lost`` or ``free`` from here on."""
    why: str
    """Why, in words."""


class LockBase:
    """What a lock knows without asking; common to both faces."""

    def __init__(
        self, client: _native.Client, key: Name, token: Name | None, ttl: float, extend: bool, wait: float | None
    ) -> None:
        self._native = _native.Lock(client, key, token, ttl, extend)
        self._wait = wait

    @property
    def state(self) -> str:
        """What may be believed now: ``held``; ``uncertain`` when the master was lost or replaced since it was taken or
        extended; ``lost`` when somebody else has it or its time has ended; ``free``."""
        return self._native.state

    @property
    def time_left(self) -> float:
        """Seconds that it lasts if nobody extends it; 0 when it is not held."""
        return self._native.time_left

    @property
    def fence(self) -> Fence | None:
        """The fence of the last taking. What the lock protects can refuse whoever comes with a smaller one."""
        fence = self._native.fence
        return None if fence is None else Fence(*fence)

    @property
    def key(self) -> bytes:
        """The key."""
        return self._native.key

    @property
    def token(self) -> bytes:
        """The token of this owner."""
        return self._native.token

    def __repr__(self) -> str:
        return f"<{type(self).__module__.replace('._lock', '')}.Lock {self.state}>"


class Lock(LockBase):
    """A key that holds the token of its owner for a time. Made by :meth:`Client.lock`; ``with`` takes and releases it."""

    def take(self, wait: float | None = 0) -> bool:
        """Take it. ``False``: somebody else has it.

        Args:
            wait: Seconds for which it is tried again while somebody else has it; ``None`` for ever.

        Raises:
            NetworkConnectionError: After ``MaybeExecuted`` it may be taken; taking it again with this object tells.
        """
        return bool(self._native.call("take", wait))

    def extend(self, ttl: float | None = None) -> None:
        """Make it last as long as it was made for, or ``ttl`` seconds, from now on.

        Raises:
            SubscriptionError: ``LockNotHeld``: the master says that it is not ours.
        """
        self._native.call("extend", ttl)

    def release(self) -> None:
        """Give it back.

        Raises:
            SubscriptionError: ``LockNotHeld``: the master says that it is not ours.
        """
        self._native.call("release", None)

    def query(self) -> bytes | None:
        """The token of whoever has it."""
        owner: bytes | None = self._native.call("query", None)
        return owner

    def next_change(self, timeout: float | None = None) -> LockChange | None:
        """The next change of its state, or ``None`` when the timeout passes first.

        Args:
            timeout: Seconds; 0 looks only, ``None`` waits for ever.
        """
        change = self._native.next_change(timeout)
        return None if change is None else LockChange(*change)

    def __enter__(self) -> Lock:
        self._native.call("acquire", self._wait)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.release()
        except StandfastError as failure:
            # The error of the block goes first; that the lock was lost is no news to whoever fails already.
            if kind is None or failure.code != ErrorCode.LOCK_NOT_HELD:
                raise
