"""The examples do what they show, and the demo's faces speak the demo's language."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lab import Lab

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def start(name: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", EXAMPLES / name, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("name", ["quickstart.py", "quickstart_asyncio.py"])
def test_the_quick_start_runs(lab: Lab, name: str) -> None:
    output, errors = start(name, lab.url).communicate(timeout=20)
    assert (output, errors) == ("b'hello'\nnews b'standing fast' None\n", "")


@pytest.mark.parametrize("name", ["quickstart.py", "quickstart_asyncio.py"])
def test_the_quick_start_is_short(name: str) -> None:
    code = [line for line in (EXAMPLES / name).read_text().splitlines() if line and not line.startswith(("#", '"""'))]
    assert len(code) <= 15


@pytest.mark.parametrize("name", ["face.py", "face_asyncio.py"])
@pytest.mark.parametrize("end", ["stop\n", ""])
def test_a_face_of_the_demo_keeps_its_records(lab: Lab, name: str, end: str) -> None:
    process = start(name, lab.url, f"test-{name}", "examples:news")
    assert process.stdin is not None and process.stdout is not None
    assert json.loads(process.stdout.readline()) == {"ready": True}
    lab.redis("DEL", f"demo:test-{name}")
    for n in range(10):
        assert lab.redis("PUBLISH", "examples:news", str(n)) == 1
    # Writes go on beside the subscription; some are enough.
    while lab.redis("SCARD", f"demo:test-{name}") < 5:
        assert process.poll() is None
    output, errors = process.communicate(end, timeout=20)
    assert (process.returncode, errors) == (0, "")
    *records, last = [json.loads(line) for line in output.splitlines()]
    assert last == {"done": True}
    writes = [record for record in records if record[0] == "w"]
    messages: list[Any] = [record for record in records if record[0] == "m"]
    assert [record[1] for record in writes] == list(range(len(writes)))
    assert all(start_us <= end_us and outcome == "ok" for _, _, start_us, end_us, outcome in writes)
    assert [record[1] for record in messages] == list(range(10))
    assert len(records) == len(writes) + len(messages)
