"""The asyncio face of Standfast: the same names as in :mod:`standfast`, to be awaited.

Each client may be used from several event loops and threads; each loop gets a queue of its own, which the loop itself
watches. No background thread ever enters the interpreter.
"""

from ._client import Client, connect
from ._logs import Logs, logs
from ._subscription import Events, Subscription

__all__ = ["Client", "Events", "Logs", "Subscription", "connect", "logs"]
