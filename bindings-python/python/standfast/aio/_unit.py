"""Several commands together, for asyncio: see :mod:`standfast._unit`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .. import _native
from .._arguments import Argument, Name
from .._errors import outcomes_of
from .._items import TextT
from .._unit import Queued, one_or_more
from ._commands import Commands
from ._loop import Drivers

if TYPE_CHECKING:
    from typing_extensions import Self


class Pipeline(Queued[TextT]):
    """Several commands in one write, made by :meth:`Client.pipeline` or :meth:`Client.transaction`.

    As an asynchronous context manager it is executed at the end of the block, unless the block raises; ``results`` has the
    outcomes then.
    """

    def __init__(
        self, drivers: Drivers, transaction: bool, timeout: float | None, decode: bool, idempotent: bool
    ) -> None:
        super().__init__()
        self._drivers = drivers
        self._call = (transaction, timeout, decode, idempotent)
        self.results: list[Any] | None = None

    async def execute(self, *, raise_on_error: bool = True) -> list[Any]:
        """Send the commands and wait; see :meth:`standfast.Pipeline.execute`."""
        outcomes: list[Any] = []
        if self._commands:
            outcomes = await self._drivers.current().execute_unit(self._commands, *self._call)
        return outcomes_of(outcomes, raise_on_error)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.results = await self.execute()


class Now(Commands[TextT]):
    """Commands that are executed at once, on the link that watches the keys."""

    def __init__(self, drivers: Drivers, native: _native.Watched, decode: bool) -> None:
        self._drivers = drivers
        self._native = native
        self._decode = decode

    async def _run(self, words: Any) -> Any:
        return await self._drivers.current().watch_execute(self._native, tuple(words), self._decode)

    async def execute(self, *args: Argument) -> Any:
        """Any command: its name and its arguments, one by one."""
        return await self._drivers.current().watch_execute(self._native, args, self._decode)


Function = Callable[[Now[TextT], Queued[TextT]], Awaitable[object]]
"""What :meth:`Client.watch` runs: it reads with the one and adds commands to the other."""


async def watch(
    native: _native.Client,
    drivers: Drivers,
    keys: Name | Iterable[Name],
    function: Function[Any],
    timeout: float | None,
    attempts: int | None,
    decode: bool,
) -> list[Any]:
    """See :meth:`Client.watch`."""
    watched = native.watch(one_or_more(keys), timeout, attempts)
    driver = drivers.current()
    while True:
        await driver.watch_begin(watched)
        commands: Queued[Any] = Queued()
        try:
            await function(Now(drivers, watched, decode), commands)
        except Exception:
            if watched.lost:
                continue
            raise
        outcomes = await driver.watch_commit(watched, commands._commands, decode)
        if outcomes is not None:
            return outcomes_of(outcomes, True)
