"""The test kit itself: what it says when it cannot, and that its records have the types that it promises. What it does to servers is used everywhere."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from lab import Lab, LabError, lab_program
from standfast.testing import Entry, Happened


def test_a_missing_command_is_an_error_that_says_where_it_was_looked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = lab_program()
    monkeypatch.setenv("STANDFAST_LAB", str(tmp_path / "nowhere"))
    with pytest.raises(LabError, match="nowhere"):
        Lab()
    monkeypatch.delenv("STANDFAST_LAB")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match="STANDFAST_LAB.*PATH.*cargo install"):
        Lab()
    (tmp_path / "standfast-lab").symlink_to(found)
    assert lab_program() == tmp_path / "standfast-lab"


def test_what_was_done_is_in_the_timeline(own_lab: Lab) -> None:
    old = own_lab.master()
    own_lab.wait_replicated()
    killed = own_lab.kill_master()
    assert isinstance(killed, Happened) and killed.node == old
    writable = own_lab.wait_writable()
    assert writable.node != old and writable.at > killed.at
    told = own_lab.wait_event("+switch-master", since=killed.at)
    assert isinstance(told, Entry) and told in own_lab.timeline(killed.at)
    assert not any(entry.at < killed.at for entry in own_lab.timeline(killed.at))
    assert own_lab.heal() != old


def test_refusals_and_the_end_are_errors_not_hangs(own_lab: Lab) -> None:
    with pytest.raises(LabError, match="proxied"):
        own_lab.fault(own_lab.master(), "reset")
    with pytest.raises(LabError, match="unknown command"):
        own_lab.redis("NOSUCH")
    with pytest.raises(LabError, match="wait_event"):
        own_lab.wait_event("+never", timeout=0.01)
    assert "secret" not in repr(own_lab)
    os.kill(own_lab._process.pid, signal.SIGKILL)
    with pytest.raises(LabError, match="has ended"):
        own_lab.master()
    own_lab.close()
    with pytest.raises(LabError, match="has ended"):
        own_lab.master()
