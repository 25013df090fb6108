"""Ctrl-C and other signals reach a thread that waits in the core."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import programs
import pytest
import standfast
from lab import Lab


class Alarm(Exception):
    """Raised by the signal handler of these tests."""


@pytest.fixture
def alarm() -> Iterator[Callable[[float], None]]:
    """Rings after so many seconds, by raising an exception in the main thread."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise Alarm

    before = signal.signal(signal.SIGALRM, ring)
    yield lambda seconds: (signal.setitimer(signal.ITIMER_REAL, seconds), None)[1]
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def ended_by_alarm(alarm: Callable[[float], None], call: Callable[[], Any]) -> None:
    alarm(0.3)
    begin = time.monotonic()
    with pytest.raises(Alarm):
        call()
    assert 0.25 < time.monotonic() - begin < 1.5


def test_a_signal_ends_a_blocking_command(alarm: Callable[[float], None], lab: Lab) -> None:
    with standfast.connect(lab.url) as client:
        ended_by_alarm(alarm, lambda: client.execute("BLPOP", "interrupt:empty", 0))
        assert client.execute("ECHO", "after") == b"after"


def test_a_signal_ends_a_wait_for_a_message(alarm: Callable[[float], None], lab: Lab) -> None:
    with standfast.connect(lab.url) as client, client.subscribe("interrupt:c") as subscription:
        subscription.ready(5)
        ended_by_alarm(alarm, subscription.next)
        client.publish("interrupt:c", "x")
        message = subscription.next(5)
        assert isinstance(message, standfast.Message) and message.payload == b"x"


def test_a_signal_ends_a_wait_for_an_event(alarm: Callable[[float], None], lab: Lab) -> None:
    with standfast.connect(lab.url) as client:
        events = client.events()

        def drain() -> None:
            while True:
                events.next()

        ended_by_alarm(alarm, drain)


def test_a_signal_ends_connecting(alarm: Callable[[float], None]) -> None:
    ended_by_alarm(alarm, lambda: standfast.connect("redis+sentinel://127.0.0.1:1/m"))


def test_a_signal_ends_a_command_and_a_subscription_that_wait_for_a_master(alarm: Callable[[float], None]) -> None:
    with standfast.connect("redis+sentinel://127.0.0.1:1/m", connect="background") as client:
        ended_by_alarm(alarm, lambda: client.execute("GET", "k"))
        ended_by_alarm(alarm, client.subscribe("c").ready)


def test_a_handler_that_returns_does_not_end_a_wait(lab: Lab) -> None:
    rung: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: rung.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with standfast.connect(lab.url) as client:
            begin = time.monotonic()
            assert client.execute("BLPOP", "interrupt:empty", 1) is None
            assert time.monotonic() - begin > 0.8
    finally:
        signal.signal(signal.SIGALRM, before)
    assert rung == [signal.SIGALRM]


def test_ctrl_c_becomes_keyboard_interrupt(lab: Lab) -> None:
    process = programs.start(
        """
        client = standfast.connect(url)
        with client, client.subscribe("interrupt:key") as subscription:
            subscription.ready(5)
            say("waiting")
            try:
                subscription.next()
            except KeyboardInterrupt:
                say(time.time())
        """,
        lab.url,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    assert sleeping(process)
    sent = time.time()
    process.send_signal(signal.SIGINT)
    code, output, errors = programs.finish(process)
    assert (code, errors) == (0, "")
    assert float(output) - sent < 1.5


def sleeping(process: subprocess.Popen[str]) -> bool:
    """Wait until a process's main thread sleeps in a futex, which is where the wait for a message is."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with open(f"/proc/{process.pid}/task/{process.pid}/wchan") as wchan:
            if "futex" in wchan.read():
                return True
        time.sleep(0.01)
    return False
