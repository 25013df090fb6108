"""What a planned failover looks like in events, status, nodes and log records."""

from __future__ import annotations

from typing import Any

import standfast
from faces import Connected, Face
from lab import Lab

COUNTERS = {
    "switches",
    "corrections",
    "fences",
    "losses",
    "epoch_resets",
    "retries",
    "maybe_executed",
    "timeouts",
    "queue_full",
}


def wait_for(client: Connected, kind: str) -> dict[str, Any]:
    seen = []
    while event := client.next_event(30):
        if event["kind"] == kind:
            return event
        seen.append(event["kind"])
    raise AssertionError(f"no {kind} after {seen}")


def test_a_planned_failover_is_reported(face: Face, own_lab: Lab) -> None:
    with standfast.logs() as logs:
        client = face.connect(own_lab.url)
        old = client.status()["master"]
        own_lab.ask("planned_failover")
        report = wait_for(client, "switch_report")
        assert (report["old_master"], report["new_master"]) == (old, client.status()["master"])
        assert report["eager"] is True
        assert report["since_lost"] is None
        # Seconds.
        assert 0 < report["held_for"] <= report["since_announced"] < 30
        assert 0 <= report["since_replica"] <= report["since_announced"]
        assert (report["commands_held"], report["maybe_executed"], report["bytes_at_risk"]) == (0, 0, 0)

        status = client.status()
        assert set(status["counters"]) == COUNTERS
        assert (status["counters"]["switches"], status["counters"]["fences"], status["counters"]["losses"]) == (1, 1, 0)
        assert status["minority"] == "accept"

        (used,) = [node for node in client.nodes() if node["used"]]
        assert used["address"] == status["master"]
        assert {opinion["sentinel"] for opinion in used["opinions"]} <= set(own_lab.sentinels)
        for opinion in used["opinions"]:
            assert set(opinion) == {"sentinel", "role", "flags", "epoch", "link"}
            assert isinstance(opinion["flags"], str) and isinstance(opinion["epoch"], int | None)
        client.close()
        logs.close()
        kinds = [record.message.split(" ")[0] for record in logs]
        assert kinds.index("master_switched") < kinds.index("switch_report") < kinds.index("closed")


def test_every_counter_is_there_from_the_beginning(lab: Lab) -> None:
    with standfast.connect(lab.url) as client:
        assert client.status()["counters"] == dict.fromkeys(COUNTERS, 0)
