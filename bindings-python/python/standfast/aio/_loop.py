"""Event loops: the only Python file that knows asyncio; its Rust half is ``loop_driver.rs``.

A loop watches descriptors of the core with ``add_reader``, which works with every loop on Linux, uvloop included. A watched
descriptor is always taken off its loop before it may be closed, and always on the loop's own thread. A forked child shares
the parent's epoll instance, so there nothing is ever taken off: it would disappear in the parent.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from typing import Any

from .. import _native

Loop = asyncio.AbstractEventLoop


class Driver:
    """The commands of one client on one loop."""

    def __init__(self, client: _native.Client, loop: Loop) -> None:
        self._loop = loop
        self._pid = os.getpid()
        self._native = _native.LoopDriver(client, loop.create_future)
        self._descriptor = self._native.descriptor()
        loop.add_reader(self._descriptor, self._native.ring)

    async def execute(self, args: tuple[Any, ...], timeout: float | None, decode: bool) -> Any:
        """The reply to a command."""
        return await self._outcome(*self._native.execute(args, timeout, decode))

    async def connected(self) -> None:
        """Returns when the client is connected, as far as its options ask for that."""
        await self._outcome(*self._native.connected())

    async def subscription_ready(self, subscription: _native.Subscription, timeout: float | None) -> None:
        """Returns when the server has confirmed the subscription."""
        await self._outcome(*self._native.subscription_ready(subscription, timeout))

    async def _outcome(self, tag: int, future: asyncio.Future[Any]) -> Any:
        try:
            return await future
        except asyncio.CancelledError:
            # The command may have been sent; only the waiting ends, and its reply goes to nobody.
            self._native.cancel(tag)
            raise

    def close(self) -> None:
        """Settle everything that waits, on the loop's own thread. A loop that is closed has nobody left to tell."""
        if self._loop.is_closed():
            self._native.close(False)
        elif _running_loop() is self._loop:
            self._close_here()
        else:
            try:
                self._loop.call_soon_threadsafe(self._close_here)
            except RuntimeError:
                self._native.close(False)

    def _close_here(self) -> None:
        _take_off(self._loop, self._descriptor, self._pid)
        self._native.close(True)


class Drivers:
    """The drivers of one client: one for each loop that uses it."""

    def __init__(self, client: _native.Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._by_loop: dict[Loop, Driver] = {}
        self._closed = False

    def current(self) -> Driver:
        """The driver for the running loop."""
        loop = asyncio.get_running_loop()
        driver = self._by_loop.get(loop)
        return driver if driver is not None else self._start(loop)

    def _start(self, loop: Loop) -> Driver:
        driver = Driver(self._client, loop)
        with self._lock:
            gone = [other for other in self._by_loop if other.is_closed()]
            forgotten = [self._by_loop.pop(other) for other in gone]
            if self._closed:
                # Closed by another thread just now: the driver answers with the error ``Closed``.
                forgotten.append(driver)
            else:
                self._by_loop[loop] = driver
        for other in forgotten:
            other.close()
        return driver

    def close(self) -> None:
        """Close all drivers, each on its own loop."""
        with self._lock:
            self._closed = True
            drivers = list(self._by_loop.values())
            self._by_loop.clear()
        for driver in drivers:
            driver.close()


class Bell:
    """Wakes tasks, of any loop, when a stream has something to read."""

    def __init__(self, stream: _native.Subscription | _native.Events | _native.Logs) -> None:
        self._stream = stream
        self._waiting: dict[Loop, list[asyncio.Future[None]]] = {}

    async def wait(self, timeout: float | None) -> None:
        """Wait until the descriptor is readable or the timeout passes."""
        loop = asyncio.get_running_loop()
        pid = os.getpid()
        descriptor = self._stream.descriptor()
        rang: asyncio.Future[None] = loop.create_future()
        waiting = self._waiting.setdefault(loop, [])
        if not waiting:
            loop.add_reader(descriptor, self._ring, loop, descriptor, pid)
        waiting.append(rang)
        timer = None if timeout is None else loop.call_later(timeout, _settle, rang)
        try:
            await rang
        finally:
            if timer is not None:
                timer.cancel()
            if rang in waiting:
                waiting.remove(rang)
                self._tidy(loop, waiting, descriptor, pid)

    def _ring(self, loop: Loop, descriptor: int, pid: int) -> None:
        # Whoever finds nothing left to read waits again.
        waiting = self._waiting.get(loop, [])
        for rang in waiting:
            _settle(rang)
        waiting.clear()
        self._tidy(loop, waiting, descriptor, pid)

    def _tidy(self, loop: Loop, waiting: list[asyncio.Future[None]], descriptor: int, pid: int) -> None:
        if not waiting and self._waiting.get(loop) is waiting:
            del self._waiting[loop]
            _take_off(loop, descriptor, pid)


class Turns:
    """Lets the loop have a turn now and then while a stream always has something to read."""

    _EVERY = 64

    def __init__(self) -> None:
        self._since = 0

    async def take(self) -> None:
        """Call before each look. Afterwards would be too late: an item that was taken must not be lost by a cancellation."""
        self._since += 1
        if self._since >= self._EVERY:
            self._since = 0
            await asyncio.sleep(0)


async def read(look: Callable[[], Any], bell: Bell, turns: Turns, timeout: float | None) -> Any:
    """The next item of a stream, or ``None`` when the timeout passes first."""
    timeout = _native.wait_seconds(timeout)
    await turns.take()
    item = look()
    if item is not None or timeout == 0:
        return item
    clock = asyncio.get_running_loop().time
    deadline = None if timeout is None else clock() + timeout
    while item is None and (deadline is None or clock() < deadline):
        await bell.wait(None if deadline is None else deadline - clock())
        item = look()
    return item


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _take_off(loop: Loop, descriptor: int, pid: int) -> None:
    if os.getpid() == pid and not loop.is_closed():
        loop.remove_reader(descriptor)


def _running_loop() -> Loop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
