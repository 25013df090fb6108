"""Masters that fall silent without a word: frozen by SIGSTOP, or with every byte swallowed. Nothing is closed, nothing is refused; the client
has to leave by itself, with threads and with asyncio.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import standfast
from faces import Face
from lab import Lab
from standfast import Gap, Message

PATIENCE = 30.0


@pytest.fixture
def proxied_lab() -> Iterator[Lab]:
    with Lab(proxied=True) as lab:
        yield lab


def freeze(lab: Lab) -> dict[str, Any]:
    return lab.ask("stop_master")


def swallow(lab: Lab) -> dict[str, Any]:
    return lab.ask("fault", node=lab.ask("master")["master"], kind="swallow")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("fall_silent", [freeze, swallow])
def test_a_silent_master_is_left(face: Face, proxied_lab: Lab, fall_silent: Any) -> None:
    lab = proxied_lab
    client = face.connect(lab.url)
    news = client.subscribe("half-dead")
    news.ready(PATIENCE)
    client.set("half-dead", 0)
    old = fall_silent(lab)["node"]

    errors: list[standfast.StandfastError] = []
    for _ in range(100):
        try:
            client.execute("INCR", "half-dead")
            break
        except standfast.StandfastError as error:
            errors.append(error)
    written_us = time.time_ns() // 1000
    writable = lab.ask("wait_writable", timeout_ms=20_000)
    assert all(error.name == "MaybeExecuted" for error in errors), errors
    assert len(errors) <= 1, "the one that was on its way"
    assert writable["node"] != old
    assert written_us - writable["at_us"] < 1_000_000, "a second after it could"
    assert client.status()["master"] == writable["node"]

    # Others are told nothing of when the subscription is there again, so it is published until it is heard.
    gaps: list[Gap] = []
    limit = time.monotonic() + PATIENCE
    while True:
        client.publish("half-dead", "after")
        item = news.next(0.2)
        if isinstance(item, Message):
            break
        if isinstance(item, Gap):
            gaps.append(item)
        assert time.monotonic() < limit
    assert item.payload == b"after" and len(gaps) == 1 and item.gap_before == gaps[0]
    assert (gaps[0].old_master, gaps[0].new_master) == (old, writable["node"])

    # It returns, and for a moment believes that it is the master.
    # Sentinel may have gone on to the third node meanwhile, as it does on a busy machine.
    master = lab.ask("heal")["master"]
    assert master != old
    while client.status()["master"] != master:
        assert client.next_event(PATIENCE) is not None
    assert client.execute("SET", "half-dead", "healed") == "OK"
