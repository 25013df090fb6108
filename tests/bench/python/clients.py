"""Every Python client that is measured: for each variant what drives it, and a function that imports it and gives its version and how to connect.

What is connected has ``set``, ``get`` and ``subscribe``; the methods are the client's own, so that nothing stands between.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

# As many as a round has: what is slow is to be seen as slow, not as a loss.
ROOM = {"items": 10_000_000, "bytes": 4 << 30}


def host_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return str(parts.hostname), int(parts.port or 6379)


def standfast_threads() -> tuple[str, Callable[[str], Any]]:
    import standfast

    def make(url: str) -> Any:
        client = standfast.connect(url)

        def subscribe(channel: str) -> Iterator[bytes]:
            subscription = client.subscribe(channel, **ROOM)
            subscription.ready()
            return (message.payload for message in subscription)

        return SimpleNamespace(set=client.set, get=client.get, subscribe=subscribe)

    return standfast.__version__, make


def standfast_loop() -> tuple[str, Callable[[str], Any]]:
    import standfast.aio

    async def make(url: str) -> Any:
        client = await standfast.aio.connect(url)

        async def subscribe(channel: str) -> AsyncIterator[bytes]:
            subscription = client.subscribe(channel, **ROOM)
            await subscription.ready()
            return (message.payload async for message in subscription)

        return SimpleNamespace(set=client.set, get=client.get, subscribe=subscribe)

    return standfast.__version__, make


def redis_py(parser: str) -> Callable[[], tuple[str, Callable[[str], Any]]]:
    def prepare() -> tuple[str, Callable[[str], Any]]:
        import redis
        from redis._parsers import _HiredisParser, _RESP2Parser

        parser_class = {"plain": _RESP2Parser, "hiredis": _HiredisParser}[parser]

        def make(url: str) -> Any:
            host, port = host_port(url)

            def client() -> Any:
                made = redis.Redis(host=host, port=port, protocol=2)
                made.connection_pool.connection_kwargs["parser_class"] = parser_class
                made.ping()
                return made

            def subscribe(channel: str) -> Iterator[bytes]:
                pubsub = client().pubsub(ignore_subscribe_messages=True)
                pubsub.subscribe(channel)
                pubsub.get_message(timeout=5)
                return (message["data"] for message in pubsub.listen())

            one = client()
            return SimpleNamespace(set=one.set, get=one.get, subscribe=subscribe)

        return redis.__version__, make

    return prepare


def redis_asyncio(parser: str) -> Callable[[], tuple[str, Callable[[str], Any]]]:
    def prepare() -> tuple[str, Callable[[str], Any]]:
        import redis
        import redis.asyncio
        from redis._parsers import _AsyncHiredisParser, _AsyncRESP2Parser

        parser_class = {"plain": _AsyncRESP2Parser, "hiredis": _AsyncHiredisParser}[parser]

        async def make(url: str) -> Any:
            host, port = host_port(url)

            def client() -> Any:
                # Its default of a hundred refuses the hundred and first call.
                made = redis.asyncio.Redis(host=host, port=port, protocol=2, max_connections=1000)
                made.connection_pool.connection_kwargs["parser_class"] = parser_class
                return made

            async def subscribe(channel: str) -> AsyncIterator[bytes]:
                pubsub = client().pubsub(ignore_subscribe_messages=True)
                await pubsub.subscribe(channel)
                await pubsub.get_message(timeout=5)
                return (message["data"] async for message in pubsub.listen())

            one = client()
            await one.ping()
            return SimpleNamespace(set=one.set, get=one.get, subscribe=subscribe)

        return redis.__version__, make

    return prepare


def coredis_loop() -> tuple[str, Callable[[str], Any]]:
    import coredis

    async def make(url: str) -> Any:
        host, port = host_port(url)
        one = coredis.Redis(host=host, port=port)
        # It wants to be entered, and is left with the process.
        await one.__aenter__()
        await one.ping()

        async def subscribe(channel: str) -> AsyncIterator[bytes]:
            pubsub = one.pubsub(channels=[channel])
            await pubsub.__aenter__()
            await pubsub.get_message(timeout=5)
            return (message["data"] async for message in pubsub if message["type"] == "message")

        return SimpleNamespace(set=one.set, get=one.get, subscribe=subscribe)

    return coredis.__version__, make


def glide_threads() -> tuple[str, Callable[[str], Any]]:
    from importlib.metadata import version

    from glide_sync import GlideClient, GlideClientConfiguration, NodeAddress

    def make(url: str) -> Any:
        host, port = host_port(url)
        one = GlideClient.create(GlideClientConfiguration([NodeAddress(host, port)]))

        def subscribe(channel: str) -> Iterator[bytes]:
            modes = GlideClientConfiguration.PubSubChannelModes
            wanted = GlideClientConfiguration.PubSubSubscriptions({modes.Exact: {channel}}, None, None)
            config = GlideClientConfiguration([NodeAddress(host, port)], pubsub_subscriptions=wanted)
            client = GlideClient.create(config)
            return (client.get_pubsub_message().message for _ in iter(int, 1))

        return SimpleNamespace(set=one.set, get=one.get, subscribe=subscribe)

    return version("valkey-glide-sync"), make


def glide_loop() -> tuple[str, Callable[[str], Any]]:
    from importlib.metadata import version

    from glide import GlideClient, GlideClientConfiguration, NodeAddress

    async def make(url: str) -> Any:
        host, port = host_port(url)
        one = await GlideClient.create(GlideClientConfiguration([NodeAddress(host, port)]))

        async def subscribe(channel: str) -> AsyncIterator[bytes]:
            modes = GlideClientConfiguration.PubSubChannelModes
            wanted = GlideClientConfiguration.PubSubSubscriptions({modes.Exact: {channel}}, None, None)
            config = GlideClientConfiguration([NodeAddress(host, port)], pubsub_subscriptions=wanted)
            client = await GlideClient.create(config)

            async def messages() -> AsyncIterator[bytes]:
                while True:
                    yield (await client.get_pubsub_message()).message

            return messages()

        return SimpleNamespace(set=one.set, get=one.get, subscribe=subscribe)

    return version("valkey-glide"), make


def nothing() -> tuple[str, Callable[[str], Any]]:
    """An interpreter that has imported no client, to compare memory with."""
    return "", lambda url: None


CLIENTS: dict[str, tuple[str, Callable[[], tuple[str, Callable[[str], Any]]]]] = {
    "nothing": ("threads", nothing),
    "standfast": ("threads", standfast_threads),
    "redis-py": ("threads", redis_py("plain")),
    "redis-py+hiredis": ("threads", redis_py("hiredis")),
    "glide": ("threads", glide_threads),
    "standfast-asyncio": ("asyncio", standfast_loop),
    "standfast-uvloop": ("uvloop", standfast_loop),
    "redis.asyncio": ("asyncio", redis_asyncio("plain")),
    "redis.asyncio+hiredis": ("asyncio", redis_asyncio("hiredis")),
    "redis.asyncio+hiredis-uvloop": ("uvloop", redis_asyncio("hiredis")),
    "coredis": ("asyncio", coredis_loop),
    "coredis-uvloop": ("uvloop", coredis_loop),
    "glide-asyncio": ("asyncio", glide_loop),
    "glide-uvloop": ("uvloop", glide_loop),
}
