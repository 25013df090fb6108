"""The asyncio client: the same methods as the synchronous one, to be awaited."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, overload

from .. import _native
from .._arguments import Argument, Name, subscription_options
from .._items import TextT
from ._commands import Commands
from ._loop import Drivers
from ._subscription import Events, Subscription

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .._options import Options


class Client(Commands[TextT]):
    """A client of one master, which follows every failover. Made by :func:`connect`.

    Replies have the same types as those of :class:`standfast.Client`. The client may be used from several event loops and
    threads. Cancelling a call ends the waiting: a command that was sent already may still be executed, and its reply is
    given to nobody.
    """

    def __init__(self, native: _native.Client, decode: bool) -> None:
        self._native = native
        self._decode = decode
        self._timeout: float | None = None
        self._first: Client[Any] | None = None
        self._drivers = Drivers(native)
        self._events = Events(native.events())

    async def execute(self, *args: Argument, timeout: float | None = None, decode: bool | None = None) -> Any:
        """Execute a command and wait for its reply.

        Args:
            *args: The command and its arguments, one by one.
            timeout: Seconds until the call gives up; ``None`` means the option ``command_timeout``, ``math.inf`` for ever.
            decode: Whether strings in the reply become ``str``; ``None`` means what the client was told.

        Raises:
            NetworkTimeoutError: The deadline passed; the command was certainly not executed, or it only reads.
            NetworkConnectionError: ``MaybeExecuted`` when the command was sent and its fate is unknown.
            ServerError: The server answered with an error.
            UsageError: An argument cannot be sent, or the client is closed.
        """
        if timeout is None:
            timeout = self._timeout
        return await self._drivers.current().execute(args, timeout, self._decode if decode is None else decode)

    @overload
    def with_options(self, *, timeout: float | None = None, decode: Literal[True]) -> Client[str]: ...
    @overload
    def with_options(self, *, timeout: float | None = None, decode: Literal[False]) -> Client[bytes]: ...
    @overload
    def with_options(self, *, timeout: float | None = None, decode: None = None) -> Client[TextT]: ...
    def with_options(self, *, timeout: float | None = None, decode: bool | None = None) -> Client[Any]:
        """The same client with other options; see :meth:`standfast.Client.with_options`."""
        other: Client[Any] = Client.__new__(Client)
        other._native, other._drivers, other._events = self._native, self._drivers, self._events
        other._decode = self._decode if decode is None else decode
        other._timeout = self._timeout if timeout is None else timeout
        other._first = self if self._first is None else self._first
        return other

    async def _run(self, words: Any) -> Any:
        return await self._drivers.current().execute(tuple(words), self._timeout, self._decode)

    def subscribe(
        self,
        *channels: Name,
        patterns: Iterable[Name] = (),
        items: int | None = None,
        bytes: int | None = None,
        overflow: str | None = None,
    ) -> Subscription[TextT]:
        """Subscribe to channels and patterns. Returns at once; iterating waits, and so does ``ready()``.

        Args:
            *channels: The channels.
            patterns: Patterns of channels, such as ``"news.*"``.
            items: How many items the queue holds; the client's ``subscription_items`` if not given.
            bytes: How many bytes the queue holds; the client's ``subscription_bytes`` if not given.
            overflow: What a full queue does: ``drop_oldest``, ``drop_newest`` or ``close``.
        """
        options = subscription_options(items, bytes, overflow)
        native = self._native.subscribe(channels, tuple(patterns), options, self._decode)
        return Subscription(native, self._drivers)

    def psubscribe(
        self,
        *patterns: Name,
        items: int | None = None,
        bytes: int | None = None,
        overflow: str | None = None,
    ) -> Subscription[TextT]:
        """Subscribe to patterns only; see :meth:`subscribe`."""
        return self.subscribe(patterns=patterns, items=items, bytes=bytes, overflow=overflow)

    def status(self) -> dict[str, Any]:
        """What the client knows about itself and its servers. Never waits."""
        return self._native.status()

    def nodes(self) -> list[dict[str, Any]]:
        """The nodes that the sentinels report, with what each sentinel thinks of each. Never waits."""
        return self._native.nodes()

    def events(self) -> Events:
        """A reader of the client's events with a position of its own, from the oldest that is remembered."""
        return Events(self._native.events())

    async def next_event(self, timeout: float | None = None) -> dict[str, Any] | None:
        """The next event of the client's own position, or ``None`` when the timeout passes first.

        Args:
            timeout: Seconds; 0 looks only, ``None`` waits for ever.
        """
        return await self._events.next(timeout)

    async def close(self) -> None:
        """Close the client. Whoever waits wakes up with the error ``Closed``. May be called again."""
        self._close()

    def _close(self) -> None:
        self._native.close()
        self._drivers.close()

    @property
    def closed(self) -> bool:
        """Whether the client was closed."""
        return self._native.closed

    async def __aenter__(self) -> Client[TextT]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<standfast.aio.Client {'closed' if self.closed else 'open'}>"

    def __del__(self, _warn: Any = warnings.warn) -> None:
        # Not every attribute exists when the constructor failed.
        native = getattr(self, "_native", None)
        if native is not None and not native.closed and self._first is None:
            _warn(f"unclosed client {self!r}", ResourceWarning, source=self)
            self._close()


@overload
async def connect(url: str, *, decode: Literal[False] = False, **options: Unpack[Options]) -> Client[bytes]: ...
@overload
async def connect(url: str, *, decode: Literal[True], **options: Unpack[Options]) -> Client[str]: ...
@overload
async def connect(url: str, *, decode: bool, **options: Unpack[Options]) -> Client[Any]: ...
async def connect(url: str, *, decode: bool = False, **options: Unpack[Options]) -> Client[Any]:
    """Connect to the master that the sentinels name, and wait for it.

    Args:
        url: ``redis+sentinel://[user:password@]host[:port][,host...]/master[/db][?option=value&...]``, or
            ``redis://host[:port][,host...][/db]`` without sentinels. ``env:`` takes the URL from the environment variable
            ``STANDFAST_URL``, and options from ``STANDFAST_COMMAND_TIMEOUT`` and so on.
        decode: Whether strings become ``str`` instead of ``bytes``.
        **options: The same options as in the URL, by name; lengths of time are seconds.

    Raises:
        ConfigurationError: The URL or an option cannot be understood.
        DiscoveryError: No master was found within ``connect_deadline``; ``causes`` says what every sentinel did.
        ServerError: A password is wrong or missing.
    """
    client: Client[Any] = Client(_native.Client.open(url, dict(options)), decode)
    try:
        await client._drivers.current().connected()
    except BaseException:
        await client.close()
        raise
    return client
