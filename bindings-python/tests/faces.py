"""The two faces of the client behind one interface, so that a scenario is written once and run with both.

``Threads`` calls ``standfast`` directly; ``Asyncio`` runs ``standfast.aio`` on a loop of its own, one call at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

import standfast
import standfast.aio

T = TypeVar("T")


class Stream(Protocol):
    """A subscription of either face."""

    def ready(self, timeout: float | None = None) -> None: ...
    def next(self, timeout: float | None = None) -> Any: ...
    def close(self) -> None: ...


class Connected(Protocol):
    """A client of either face."""

    def execute(self, *args: Any, **options: Any) -> Any: ...
    def get(self, key: Any) -> Any: ...
    def set(self, key: Any, value: Any, **options: Any) -> Any: ...
    def publish(self, channel: Any, payload: Any) -> int: ...
    def subscribe(self, *channels: Any, **options: Any) -> Stream: ...
    def psubscribe(self, *patterns: Any, **options: Any) -> Stream: ...
    def status(self) -> dict[str, Any]: ...
    def nodes(self) -> list[dict[str, Any]]: ...
    def next_event(self, timeout: float | None = None) -> dict[str, Any] | None: ...
    def close(self) -> None: ...


class Face(Protocol):
    """A way to connect."""

    def connect(self, url: Any, **options: Any) -> Connected: ...
    def end(self) -> None: ...


class Threads:
    """``standfast`` itself."""

    def __init__(self) -> None:
        self._clients: list[standfast.Client[Any]] = []

    def connect(self, url: Any, **options: Any) -> Connected:
        # Its methods spell out the options that the protocol leaves open.
        client: Any = standfast.connect(url, **options)
        self._clients.append(client)
        return client  # type: ignore[no-any-return]

    def end(self) -> None:
        for client in self._clients:
            client.close()


class Asyncio:
    """``standfast.aio`` on a loop that runs while a call waits."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._clients: list[standfast.aio.Client[Any]] = []

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(call)

    def connect(self, url: Any, **options: Any) -> Connected:
        client = self.run(standfast.aio.connect(url, **options))
        self._clients.append(client)
        return _AsyncioClient(self, client)

    def end(self) -> None:
        for client in self._clients:
            self.run(client.close())
        self._loop.close()


class _AsyncioClient:
    def __init__(self, face: Asyncio, client: standfast.aio.Client[Any]) -> None:
        self._face = face
        self._client = client

    def execute(self, *args: Any, **options: Any) -> Any:
        return self._face.run(self._client.execute(*args, **options))

    def get(self, key: Any) -> Any:
        return self._face.run(self._client.get(key))

    def set(self, key: Any, value: Any, **options: Any) -> Any:
        return self._face.run(self._client.set(key, value, **options))

    def publish(self, channel: Any, payload: Any) -> int:
        return self._face.run(self._client.publish(channel, payload))

    def subscribe(self, *channels: Any, **options: Any) -> Stream:
        return _AsyncioStream(self._face, self._client.subscribe(*channels, **options))

    def psubscribe(self, *patterns: Any, **options: Any) -> Stream:
        return _AsyncioStream(self._face, self._client.psubscribe(*patterns, **options))

    def status(self) -> dict[str, Any]:
        return self._client.status()

    def nodes(self) -> list[dict[str, Any]]:
        return self._client.nodes()

    def next_event(self, timeout: float | None = None) -> dict[str, Any] | None:
        return self._face.run(self._client.next_event(timeout))

    def close(self) -> None:
        self._face.run(self._client.close())


class _AsyncioStream:
    def __init__(self, face: Asyncio, subscription: standfast.aio.Subscription[Any]) -> None:
        self._face = face
        self._subscription = subscription

    def ready(self, timeout: float | None = None) -> None:
        self._face.run(self._subscription.ready(timeout))

    def next(self, timeout: float | None = None) -> Any:
        return self._face.run(self._subscription.next(timeout))

    def close(self) -> None:
        self._face.run(self._subscription.close())
