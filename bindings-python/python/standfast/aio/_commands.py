"""The commands for asyncio: the same methods, whose ``_run`` returns a coroutine. The types are in the stub beside this file."""

from .._commands import Commands as Commands
