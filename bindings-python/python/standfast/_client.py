"""The synchronous client: safe to share between threads, and waiting without holding the interpreter."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, overload

from . import _native
from ._arguments import Argument, Name, scan_options, subscription_options
from ._commands import Commands
from ._items import TextT
from ._lock import Lock
from ._node import NodeClient
from ._scan import Scan
from ._subscription import Events, Subscription
from ._unit import Function, Pipeline, watch

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._options import Options


class Client(Commands[TextT]):
    """A client of one master, which follows every failover. Made by :func:`connect`.

    Replies have their natural types: ``bytes`` (or ``str`` with ``decode``) for strings, ``str`` for the server's status
    words such as ``"OK"``, ``int``, ``float``, ``bool``, ``None``, ``list``, ``dict`` and ``set``. An error inside an array
    is an exception object in the list.

    Every method may be called from any thread. A call that waits can be interrupted by Ctrl-C.
    """

    def __init__(self, native: _native.Client, decode: bool) -> None:
        self._native = native
        self._decode = decode
        self._timeout: float | None = None
        self._idempotent = False
        self._read_from: Literal["master", "replica", "prefer_replica", "any"] | None = None
        self._first: Client[Any] | None = None

    def execute(
        self,
        *args: Argument,
        timeout: float | None = None,
        decode: bool | None = None,
        idempotent: bool | None = None,
        read_from: Literal["master", "replica", "prefer_replica", "any"] | None = None,
    ) -> Any:
        """Execute a command and wait for its reply.

        Args:
            *args: The command and its arguments, one by one.
            timeout: Seconds until the call gives up; ``None`` means the option ``command_timeout``, ``math.inf`` for ever.
            decode: Whether strings in the reply become ``str``; ``None`` means what the client was told.
            idempotent: Whether twice is as good as once: then a command whose fate is unknown is sent again, inside its
                time, instead of failing with ``MaybeExecuted``.
            read_from: Where it may be executed if it only reads: ``master``, ``replica``, ``prefer_replica`` or ``any``;
                ``None`` means what the client was told. What writes goes to the master, whatever is said here.

        Raises:
            NetworkTimeoutError: The deadline passed; the command was certainly not executed, or it only reads.
            NetworkConnectionError: ``MaybeExecuted`` when the command was sent and its fate is unknown.
            ServerError: The server answered with an error.
            UsageError: An argument cannot be sent, or the client is closed.
        """
        if timeout is None:
            timeout = self._timeout
        decode = self._decode if decode is None else decode
        read_from = self._read_from if read_from is None else read_from
        if read_from is not None:
            return self._native.read(args, timeout, decode, read_from)
        return self._native.execute(args, timeout, decode, self._idempotent if idempotent is None else idempotent)

    @overload
    def with_options(
        self,
        *,
        timeout: float | None = None,
        decode: Literal[True],
        idempotent: bool | None = None,
        read_from: Literal["master", "replica", "prefer_replica", "any"] | None = None,
    ) -> Client[str]: ...
    @overload
    def with_options(
        self,
        *,
        timeout: float | None = None,
        decode: Literal[False],
        idempotent: bool | None = None,
        read_from: Literal["master", "replica", "prefer_replica", "any"] | None = None,
    ) -> Client[bytes]: ...
    @overload
    def with_options(
        self,
        *,
        timeout: float | None = None,
        decode: None = None,
        idempotent: bool | None = None,
        read_from: Literal["master", "replica", "prefer_replica", "any"] | None = None,
    ) -> Client[TextT]: ...
    def with_options(
        self,
        *,
        timeout: float | None = None,
        decode: bool | None = None,
        idempotent: bool | None = None,
        read_from: Literal["master", "replica", "prefer_replica", "any"] | None = None,
    ) -> Client[Any]:
        """The same client with other options for the commands that are called on what is returned.

        It is cheap, and may be kept or used once: ``client.with_options(timeout=0.2).get("k")``.

        Args:
            timeout: Seconds until a call gives up; ``None`` means what this client does, ``math.inf`` for ever.
            decode: Whether strings in replies and messages become ``str``; ``None`` means what this client does.
            idempotent: Whether twice is as good as once: then a command whose fate is unknown is sent again, inside its
                time, instead of failing with ``MaybeExecuted``. ``None`` means what this client does.
        """
        other: Client[Any] = Client(self._native, self._decode if decode is None else decode)
        other._timeout = self._timeout if timeout is None else timeout
        other._idempotent = self._idempotent if idempotent is None else idempotent
        other._read_from = self._read_from if read_from is None else read_from
        # It lives as long as anybody uses it in any form, and only the first form warns if it was not closed.
        other._first = self if self._first is None else self._first
        return other

    def _run(self, words: Any) -> Any:
        if self._read_from is not None:
            return self._native.read(tuple(words), self._timeout, self._decode, self._read_from)
        return self._native.execute(tuple(words), self._timeout, self._decode, self._idempotent)

    def pipeline(self) -> Pipeline[TextT]:
        """Begin a pipeline: its methods are those of the client, and collect commands for one write.

        Executed by ``pipeline.execute()``, or at the end of ``with client.pipeline() as pipeline: ...``.
        Each command has an outcome of its own; behind one that was executed nothing is sent again by itself.
        """
        return Pipeline(self._native, False, self._timeout, self._decode, self._idempotent)

    def transaction(self) -> Pipeline[TextT]:
        """Begin a transaction: like :meth:`pipeline`, but all of the commands or none, between ``MULTI`` and ``EXEC``."""
        return Pipeline(self._native, True, self._timeout, self._decode, self._idempotent)

    def watch(
        self,
        keys: Name | Iterable[Name],
        function: Function[TextT],
        *,
        timeout: float | None = None,
        attempts: int | None = None,
    ) -> list[Any]:
        """A transaction that depends on what was read before it; the results of its commands.

        The function reads with the methods of its first argument, which are executed at once, and adds commands to its
        second. They are executed if none of the keys was changed in the meantime, and otherwise the function is run again.

        Args:
            keys: One key or several.
            function: May be run any number of times. What it raises ends it, and nothing is executed.
            timeout: Seconds for all of it; ``None`` means the option ``command_timeout``, ``math.inf`` for ever.
            attempts: How often the function is run at the most; as often as the time allows if not given.

        Raises:
            ServerError: ``TransactionAborted`` when time or attempts are used up: nothing was executed.
            NetworkConnectionError: ``MaybeExecuted`` when the link was lost behind ``EXEC``; it is not run again then.
        """
        timeout = self._timeout if timeout is None else timeout
        return watch(self._native, keys, function, timeout, attempts, self._decode)

    def subscribe(
        self,
        *channels: Name,
        patterns: Iterable[Name] = (),
        sharded: Iterable[Name] = (),
        items: int | None = None,
        bytes: int | None = None,
        overflow: str | None = None,
        max_silence: float | None = None,
        pulse_interval: float | None = None,
        redundancy: int | None = None,
    ) -> Subscription[TextT]:
        """Subscribe to channels, patterns and sharded channels. Returns at once; iterating waits, and so does ``ready()``.

        Args:
            *channels: The channels.
            patterns: Patterns of channels, such as ``"news.*"``.
            sharded: Sharded channels: what is published there with SPUBLISH (servers from 7.0).
            items: How many items the queue holds; the client's ``subscription_items`` if not given.
            bytes: How many bytes the queue holds; the client's ``subscription_bytes`` if not given.
            overflow: What a full queue does: ``drop_oldest``, ``drop_newest`` or ``close``.
            max_silence: Seconds without a message after which the link has to prove that it lives.
            pulse_interval: Seconds between messages of our own that prove the way from publishing to receiving. The user
                needs the right to publish.
            redundancy: 2 listens to a replica, too, which may fill what a crash of the master would swallow.
        """
        options = subscription_options(
            items,
            bytes,
            overflow=overflow,
            max_silence=max_silence,
            pulse_interval=pulse_interval,
            redundancy=redundancy,
        )
        return Subscription(self._native.subscribe(channels, tuple(patterns), tuple(sharded), options, self._decode))

    def psubscribe(
        self,
        *patterns: Name,
        items: int | None = None,
        bytes: int | None = None,
        overflow: str | None = None,
        max_silence: float | None = None,
        pulse_interval: float | None = None,
        redundancy: int | None = None,
    ) -> Subscription[TextT]:
        """Subscribe to patterns only; see :meth:`subscribe`."""
        return self.subscribe(
            patterns=patterns,
            items=items,
            bytes=bytes,
            overflow=overflow,
            max_silence=max_silence,
            pulse_interval=pulse_interval,
            redundancy=redundancy,
        )

    def ssubscribe(
        self,
        *channels: Name,
        items: int | None = None,
        bytes: int | None = None,
        overflow: str | None = None,
        max_silence: float | None = None,
        pulse_interval: float | None = None,
        redundancy: int | None = None,
    ) -> Subscription[TextT]:
        """Subscribe to sharded channels only; see :meth:`subscribe`."""
        return self.subscribe(
            sharded=channels,
            items=items,
            bytes=bytes,
            overflow=overflow,
            max_silence=max_silence,
            pulse_interval=pulse_interval,
            redundancy=redundancy,
        )

    def lock(
        self,
        key: Name,
        token: Name | None = None,
        *,
        ttl: float,
        extend: bool = False,
        wait: float | None = 0,
    ) -> Lock:
        """A lock: a key that holds the token of its owner for a time. Nothing is taken yet; ``with`` takes it.

        Args:
            key: The key.
            token: Who the owner is; without one, nobody else has the same.
            ttl: Seconds after which it ends unless it is extended.
            extend: Whether it extends itself, every third of ``ttl``, while it is held and this object exists.
            wait: For ``with``: seconds for which it is tried again while somebody else has it; ``None`` for ever.
        """
        return Lock(self._native, key, token, ttl, extend, wait)

    def scan_iter(
        self,
        match: Name | None = None,
        *,
        count: int | None = None,
        type: str | None = None,
        master: bool = False,
        restart: bool = False,
    ) -> Scan[TextT]:
        """The keys, as a stream, from a healthy replica, or from the master where there is none.

        Args:
            match: Only keys that match this pattern.
            count: How much work the server does in one step; 10 if it is not given.
            type: Only keys of this type, such as ``"hash"``.
            master: Whether to ask the master instead of a replica.
            restart: When the node changes, begin again on another one and give nothing twice, at the cost of remembering
                every key; otherwise the scan then fails with ``Disconnected``.
        """
        return self._scan("keys", None, match, count, type, master, restart)

    def hscan_iter(
        self,
        key: Name,
        match: Name | None = None,
        *,
        count: int | None = None,
        master: bool = False,
        restart: bool = False,
    ) -> Scan[tuple[TextT, TextT]]:
        """The fields of a hash with their values; see :meth:`scan_iter`."""
        return self._scan("hash", key, match, count, None, master, restart)

    def sscan_iter(
        self,
        key: Name,
        match: Name | None = None,
        *,
        count: int | None = None,
        master: bool = False,
        restart: bool = False,
    ) -> Scan[TextT]:
        """The members of a set; see :meth:`scan_iter`."""
        return self._scan("set", key, match, count, None, master, restart)

    def zscan_iter(
        self,
        key: Name,
        match: Name | None = None,
        *,
        count: int | None = None,
        master: bool = False,
        restart: bool = False,
    ) -> Scan[tuple[TextT, float]]:
        """The members of a sorted set with their scores; see :meth:`scan_iter`."""
        return self._scan("sorted_set", key, match, count, None, master, restart)

    def _scan(
        self,
        what: str,
        key: Name | None,
        match: Name | None,
        count: int | None,
        type: str | None,
        master: bool,
        restart: bool,
    ) -> Scan[Any]:
        options = scan_options(match, count, type, master, restart)
        return Scan(_native.Scan(self._native, what, key, options, self._decode))

    def node(self, address: str) -> NodeClient:
        """One of the nodes that :meth:`nodes` reports, to be asked itself whatever its role is.

        Args:
            address: As ``host:port``.

        Raises:
            UsageError: No sentinel reports such a node.
        """
        return NodeClient(self._native, address, False, self._decode)

    def sentinel(self, address: str) -> NodeClient:
        """One of the sentinels of :meth:`status`, to be asked itself; see :meth:`node`."""
        return NodeClient(self._native, address, True, self._decode)

    def set_credentials(
        self,
        username: str | None = None,
        password: str | None = None,
        *,
        hop: Literal["data", "sentinel"] = "data",
    ) -> None:
        """Use other credentials from the next connection on, for passwords that change while the program runs.

        Connections that exist stay as they are, and nothing is interrupted. What was configured for this hop (password,
        file) is forgotten. Never waits.

        Args:
            username: The user; ``None`` for the default one.
            password: The password; ``None`` for none.
            hop: Whether they are for the nodes or for the sentinels.
        """
        self._native.set_credentials(hop, username, password)

    def status(self) -> dict[str, Any]:
        """What the client knows about itself and its servers. Never waits."""
        return self._native.status()

    def nodes(self) -> list[dict[str, Any]]:
        """The nodes that the sentinels report, with what each sentinel thinks of each. Never waits."""
        return self._native.nodes()

    def doctor(self) -> list[dict[str, Any]]:
        """What is wrong with the sentinels and nodes, or will be when something fails: the worst first, nothing if all is well.

        Each finding has ``id`` (see ``core/docs/doctor.md``), ``severity`` (``error``, ``warning``, ``info``), ``reason``, ``remedy`` and ``details``.
        It asks every server, changes nothing there, and takes four times ``connect_timeout`` at the most.
        """
        return self._native.doctor()

    def events(self) -> Events:
        """A reader of the client's events with a position of its own, from the oldest that is remembered."""
        return Events(self._native.events())

    def next_event(self, timeout: float | None = None) -> dict[str, Any] | None:
        """The next event of the client's own position, or ``None`` when the timeout passes first.

        Args:
            timeout: Seconds; 0 looks only, ``None`` waits for ever.
        """
        return self._native.next_event(timeout)

    def drain(self, timeout: float | None = None) -> None:
        """End in order: new commands fail with ``Closed``, those that were accepted are finished, then the client is closed.

        Args:
            timeout: Seconds; ``None`` waits as long as the commands' own deadlines last.

        Raises:
            NetworkTimeoutError: Something was still under way at the end of the time; it ended with the close.
        """
        self._native.drain(timeout)

    def close(self) -> None:
        """Close the client. Whoever waits wakes up with the error ``Closed``. May be called again."""
        self._native.close()

    @property
    def closed(self) -> bool:
        """Whether the client was closed."""
        return self._native.closed

    def __enter__(self) -> Client[TextT]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<standfast.Client {'closed' if self.closed else 'open'}>"

    def __del__(self, _warn: Any = warnings.warn) -> None:
        # Not every attribute exists when the constructor failed.
        native = getattr(self, "_native", None)
        if native is not None and not native.closed and self._first is None:
            _warn(f"unclosed client {self!r}", ResourceWarning, source=self)
            native.close()


@overload
def connect(url: str, *, decode: Literal[False] = False, **options: Unpack[Options]) -> Client[bytes]: ...
@overload
def connect(url: str, *, decode: Literal[True], **options: Unpack[Options]) -> Client[str]: ...
@overload
def connect(url: str, *, decode: bool, **options: Unpack[Options]) -> Client[Any]: ...
def connect(url: str, *, decode: bool = False, **options: Unpack[Options]) -> Client[Any]:
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
    return Client(_native.Client.connect(url, dict(options)), decode)


def parse_url(url: str, **options: Unpack[Options]) -> dict[str, Any]:
    """Check a URL and options without connecting, and show what they say.

    Args:
        url: As for :func:`connect`.
        **options: As for :func:`connect`.

    Returns:
        ``mode`` (``sentinel`` or ``direct``), ``hosts``, ``master``, ``db``, ``username``, ``password`` (``***`` or ``None``),
        ``sentinel_username``, ``sentinel_password``, ``sentinel_auth``, and ``options`` by name, lengths of time in seconds.

    Raises:
        ConfigurationError: The URL or an option cannot be understood; the message names the part and its position.
    """
    return _native.parse_url(url, dict(options))
