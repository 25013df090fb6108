"""Several commands together, for threads: pipelines, transactions, and transactions over watched keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import _native
from ._arguments import Argument, Name
from ._commands import Commands
from ._errors import outcomes_of
from ._items import TextT
from ._queued import QueuedCommands

if TYPE_CHECKING:
    from typing_extensions import Self


class Queued(QueuedCommands[TextT]):
    """Commands that are collected: each method adds one, and gives the collection back."""

    def __init__(self) -> None:
        self._commands: list[tuple[Any, ...]] = []

    def _run(self, words: Any) -> Any:
        self._commands.append(tuple(words))
        return self

    def add(self, *args: Argument) -> Self:
        """Add any command: its name and its arguments, one by one."""
        self._commands.append(args)
        return self

    def __len__(self) -> int:
        return len(self._commands)


class Pipeline(Queued[TextT]):
    """Several commands in one write, made by :meth:`Client.pipeline` or :meth:`Client.transaction`.

    As a context manager it is executed at the end of the block, unless the block raises; ``results`` has the outcomes then.
    """

    def __init__(
        self, native: _native.Client, transaction: bool, timeout: float | None, decode: bool, idempotent: bool
    ) -> None:
        super().__init__()
        self._native = native
        self._call = (transaction, timeout, decode, idempotent)
        self.results: list[Any] | None = None

    def execute(self, *, raise_on_error: bool = True) -> list[Any]:
        """Send the commands and wait; one outcome for each of them, in their order. Without commands nothing is sent.

        Args:
            raise_on_error: Whether the first command that failed raises its error; the error's ``outcomes`` has what became of
                all of them. Otherwise the errors stand in the list.

        Raises:
            NetworkConnectionError: ``MaybeExecuted`` for a command, or a transaction, that was sent and whose fate is
                unknown; ``Disconnected`` for one that was certainly not executed.
            ServerError: The server refused a command. Of a transaction nothing was executed then (``EXECABORT``).
        """
        outcomes = self._native.execute_unit(self._commands, *self._call) if self._commands else []
        return outcomes_of(outcomes, raise_on_error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.results = self.execute()


class Now(Commands[TextT]):
    """Commands that are executed at once, on the link that watches the keys."""

    def __init__(self, native: _native.Watched, decode: bool) -> None:
        self._native = native
        self._decode = decode

    def _run(self, words: Any) -> Any:
        return self._native.execute(tuple(words), self._decode)

    def execute(self, *args: Argument) -> Any:
        """Any command: its name and its arguments, one by one."""
        return self._native.execute(args, self._decode)


Function = Callable[[Now[TextT], Queued[TextT]], object]
"""What :meth:`Client.watch` runs: it reads with the one and adds commands to the other."""


def watch(
    native: _native.Client,
    keys: Name | Iterable[Name],
    function: Function[Any],
    timeout: float | None,
    attempts: int | None,
    decode: bool,
) -> list[Any]:
    """See :meth:`Client.watch`."""
    watched = native.watch(one_or_more(keys), timeout, attempts)
    while True:
        watched.begin()
        commands: Queued[Any] = Queued()
        try:
            function(Now(watched, decode), commands)
        except Exception:
            if watched.lost:
                continue
            raise
        outcomes = watched.commit(commands._commands, decode)
        if outcomes is not None:
            return outcomes_of(outcomes, True)


def one_or_more(keys: Name | Iterable[Name]) -> tuple[Name, ...]:
    """The keys as a tuple; one may be given as it is."""
    return (keys,) if isinstance(keys, (str, bytes)) else tuple(keys)
