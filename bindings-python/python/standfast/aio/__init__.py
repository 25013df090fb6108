"""The asyncio face of Standfast: the same names as in :mod:`standfast`, to be awaited.

Each client may be used from several event loops and threads; each loop gets a queue of its own, which the loop itself
watches. No background thread ever enters the interpreter.
"""

from ._client import Client, connect
from ._lock import Lock
from ._logs import Logs, logs
from ._node import NodeClient
from ._scan import Scan
from ._subscription import Events, Subscription
from ._unit import Now, Pipeline

__all__ = [
    "Client",
    "Events",
    "Lock",
    "Logs",
    "NodeClient",
    "Now",
    "Pipeline",
    "Scan",
    "Subscription",
    "connect",
    "logs",
]
