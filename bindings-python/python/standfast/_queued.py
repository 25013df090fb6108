"""The commands of pipelines and transactions: the same methods, whose ``_run`` collects the words and returns the collection. The
types are in the stub beside this file.
"""

from ._commands import Commands as QueuedCommands
