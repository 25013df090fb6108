"""Scripts as objects, to be called with whatever has commands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ._arguments import Argument, Name


@dataclass(frozen=True)
class Script:
    """A Lua script, kept to be called: ``double = Script("...")``, then ``double(client, keys=["k"], args=[2])``.

    It is sent by its digest, and as a whole only to a server that does not know it, such as a new master; in a pipeline or a
    transaction always as a whole. The same goes for ``client.eval``.
    """

    source: str | bytes
    """The text of the script."""
    read_only: bool = False
    """It only reads (``EVAL_RO``): after a loss it is sent again."""

    def __call__(self, client: Any, keys: Iterable[Name] = (), args: Iterable[Argument] = ()) -> Any:
        """Call it with these keys and arguments.

        Args:
            client: A client of threads or of asyncio, a pipeline, a transaction: what is returned is what its methods return.
            keys: ``KEYS`` of the script.
            args: ``ARGV`` of the script.
        """
        keys = tuple(keys)
        evaluate = client.eval_ro if self.read_only else client.eval
        return evaluate(self.source, len(keys), *keys, *args)
