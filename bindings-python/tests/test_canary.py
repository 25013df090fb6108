"""A secret goes through everything that can fail and is told nowhere: the scenarios of ``tests/vectors/canary.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import standfast
from faces import Face
from lab import Lab

SCENARIOS: list[dict[str, Any]] = json.loads((Path(__file__).parents[2] / "tests/vectors/canary.json").read_text())
QUICK = {"connect_deadline": 0.7, "connect_timeout": 0.5, "sentinel_timeout": 0.3}


@pytest.fixture(scope="module")
def guarded() -> Iterator[Lab]:
    with Lab(replicas=1, password="data-canary", sentinel_password="sentinel-canary") as lab:
        yield lab


@pytest.mark.timeout(120)
def test_a_secret_is_told_nowhere(face: Face, guarded: Lab) -> None:
    assert len(SCENARIOS) >= 30
    records = standfast.logs("debug")
    client = face.connect(guarded.url)
    client.set("a-string", "x")
    told = [repr(client), str(client.status()), str(client.nodes()), str(client.doctor()), repr(guarded)]
    for scenario in SCENARIOS:
        try:
            if "url" in scenario:
                url = scenario["url"].replace("{hosts}", ",".join(guarded.sentinels))
                url = url.replace("{sentinel}", guarded.sentinels[0]).replace("{node}", guarded.nodes[0])
                face.connect(url, **QUICK).close()
            else:
                client.execute(*scenario["args"])
        except standfast.StandfastError as error:
            told.append(f"{error.name} {error} {error!r} {error.__dict__} {error.causes}")
        else:
            assert scenario["name"] == "everything right", scenario
    while (event := client.next_event(0)) is not None:
        told.append(str(event))
    client.close()
    while (record := records.next(5)) is not None:
        told.append(repr(record))
        if record.message.startswith("closed"):
            break
    records.close()
    whole = " ".join(told)
    for word in ["MasterAuthFailed", "SentinelAuthFailed", "InvalidUrl", "ReplyError", "ready"]:
        assert word in whole, f"the scenarios do not come to {word}"
    at = whole.find("canary")
    assert at < 0, whole[max(0, at - 200) : at + 50]
