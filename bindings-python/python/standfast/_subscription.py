"""Subscriptions and events for threads: read them by iterating, or one at a time with a timeout."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Generic

from . import _native
from ._errors import ErrorCode, StandfastError
from ._items import Dropped, Gap, Message, TextT


class Subscription(Generic[TextT]):
    """A subscription: restored after every failover, with every interruption marked in the stream.

    Iterating yields the messages; a message that follows an interruption carries it as ``gap_before``. Use :meth:`next` or
    :meth:`items` to see gaps and drops as they come. A subscription may be read by several threads; each item goes to one
    of them.
    """

    def __init__(self, native: _native.Subscription) -> None:
        self._native = native

    def ready(self, timeout: float | None = None) -> None:
        """Wait until the server has confirmed every channel and pattern.

        Args:
            timeout: Seconds; 0 looks only, ``None`` waits for ever.

        Raises:
            SubscriptionError: ``SubscribeFailed`` when the server refused, ``EndOfStream`` when the subscription was closed.
            NetworkTimeoutError: The timeout passed; the subscription goes on.
        """
        self._native.ready(timeout)

    def next(self, timeout: float | None = None) -> Message[TextT] | Gap | Dropped | None:
        """The next item, or ``None`` when the timeout passes first.

        Args:
            timeout: Seconds; 0 looks only, ``None`` waits for ever.

        Raises:
            SubscriptionError: ``EndOfStream`` when the subscription was closed and everything was read, ``Overflow`` when
                its queue was full and its policy is to close.
        """
        item: Message[TextT] | Gap | Dropped | None = self._native.next(timeout)
        return item

    def items(self) -> Iterator[Message[TextT] | Gap | Dropped]:
        """Everything that the subscription has to say, until it is closed."""
        while True:
            try:
                item = self.next()
            except StandfastError as error:
                if error.code == ErrorCode.END_OF_STREAM:
                    return
                raise
            if item is not None:
                yield item

    def __iter__(self) -> Iterator[Message[TextT]]:
        return (item for item in self.items() if isinstance(item, Message))

    def close(self) -> None:
        """Unsubscribe. Whoever waits for an item wakes up; what was received before can still be read."""
        self._native.close()

    def __enter__(self) -> Subscription[TextT]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Events:
    """What happens to a client, from the oldest event that it remembers on. Iterating ends after ``closed``."""

    def __init__(self, native: _native.Events) -> None:
        self._native = native

    def next(self, timeout: float | None = None) -> dict[str, Any] | None:
        """The next event, or ``None`` when the timeout passes first.

        Args:
            timeout: Seconds; 0 looks only, ``None`` waits for ever.

        Raises:
            SubscriptionError: ``EndOfStream`` after the event ``closed`` was read.
        """
        return self._native.next(timeout)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while True:
            try:
                event = self.next()
            except StandfastError as error:
                if error.code == ErrorCode.END_OF_STREAM:
                    return
                raise
            if event is not None:
                yield event
