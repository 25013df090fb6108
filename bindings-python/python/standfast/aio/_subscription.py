"""Subscriptions and events for asyncio: read them with ``async for``, or one at a time with a timeout."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Generic

from .. import _native
from .._errors import ErrorCode, StandfastError
from .._items import Dropped, Gap, Message, TextT
from ._loop import Bell, Drivers, Turns, read


class Subscription(Generic[TextT]):
    """A subscription: restored after every failover, with every interruption marked in the stream.

    Iterating yields the messages; a message that follows an interruption carries it as ``gap_before``. Use :meth:`next` or
    :meth:`items` to see gaps and drops as they come. A subscription may be read by several tasks; each item goes to one of
    them.
    """

    def __init__(self, native: _native.Subscription, drivers: Drivers) -> None:
        self._native = native
        self._drivers = drivers
        self._bell = Bell(native)
        self._turns = Turns()

    async def ready(self, timeout: float | None = None) -> None:
        """Wait until the server has confirmed every channel and pattern.

        Args:
            timeout: Seconds; 0 looks only, ``None`` waits for ever.

        Raises:
            SubscriptionError: ``SubscribeFailed`` when the server refused, ``EndOfStream`` when the subscription was closed.
            NetworkTimeoutError: The timeout passed; the subscription goes on.
        """
        await self._drivers.current().subscription_ready(self._native, timeout)

    async def next(self, timeout: float | None = None) -> Message[TextT] | Gap | Dropped | None:
        """The next item, or ``None`` when the timeout passes first.

        Args:
            timeout: Seconds; 0 looks only, ``None`` waits for ever.

        Raises:
            SubscriptionError: ``EndOfStream`` when the subscription was closed and everything was read, ``Overflow`` when
                its queue was full and its policy is to close.
        """
        item: Message[TextT] | Gap | Dropped | None = await read(
            self._native.try_next, self._bell, self._turns, timeout
        )
        return item

    async def items(self) -> AsyncIterator[Message[TextT] | Gap | Dropped]:
        """Everything that the subscription has to say, until it is closed."""
        while True:
            try:
                item = await self.next()
            except StandfastError as error:
                if error.code == ErrorCode.END_OF_STREAM:
                    return
                raise
            if item is not None:
                yield item

    def __aiter__(self) -> Subscription[TextT]:
        return self

    async def __anext__(self) -> Message[TextT]:
        while True:
            try:
                item = await self.next()
            except StandfastError as error:
                if error.code == ErrorCode.END_OF_STREAM:
                    raise StopAsyncIteration from None
                raise
            if isinstance(item, Message):
                return item

    async def close(self) -> None:
        """Unsubscribe. Whoever waits for an item wakes up; what was received before can still be read."""
        self._native.close()

    async def __aenter__(self) -> Subscription[TextT]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class Events:
    """What happens to a client, from the oldest event that it remembers on. Iterating ends after ``closed``."""

    def __init__(self, native: _native.Events) -> None:
        self._native = native
        self._bell = Bell(native)
        self._turns = Turns()

    async def next(self, timeout: float | None = None) -> dict[str, Any] | None:
        """The next event, or ``None`` when the timeout passes first.

        Args:
            timeout: Seconds; 0 looks only, ``None`` waits for ever.

        Raises:
            SubscriptionError: ``EndOfStream`` after the event ``closed`` was read.
        """
        event: dict[str, Any] | None = await read(self._native.try_next, self._bell, self._turns, timeout)
        return event

    def __aiter__(self) -> Events:
        return self

    async def __anext__(self) -> dict[str, Any]:
        while True:
            try:
                event = await self.next()
            except StandfastError as error:
                if error.code == ErrorCode.END_OF_STREAM:
                    raise StopAsyncIteration from None
                raise
            if event is not None:
                return event
