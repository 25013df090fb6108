"""What all languages must say alike: URLs and misconfigurations, from the files in ``tests/vectors``."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import standfast
from faces import Face

ROOT = Path(__file__).resolve().parents[2]
URLS: list[dict[str, Any]] = json.loads((ROOT / "tests/vectors/urls.json").read_text())["vectors"]
DURATIONS = {name for name, kind, _, _ in standfast._native.option_table() if kind == "duration"}


def read_options(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a vector as Python shows them."""
    return {name: value / 1000 if name in DURATIONS else value for name, value in options.items()}


@pytest.mark.parametrize("vector", [v for v in URLS if "parsed" in v], ids=lambda v: v["url"])
def test_a_url_is_read_as_the_file_says(vector: dict[str, Any]) -> None:
    expected = vector["parsed"]
    for secret in ("password", "sentinel_password"):
        expected[secret] = expected[secret] and "***"
    defaults = standfast.parse_url("redis://h")["options"]
    assert standfast.parse_url(vector["url"]) == {
        **expected,
        "options": {**defaults, **read_options(expected["options"])},
    }


@pytest.mark.parametrize("vector", [v for v in URLS if "error" in v], ids=lambda v: v["url"])
def test_a_mistake_in_a_url_is_named_as_the_file_says(vector: dict[str, Any]) -> None:
    expected = vector["error"]
    with pytest.raises(standfast.ConfigurationError) as caught:
        standfast.parse_url(vector["url"])
    error = caught.value
    assert (error.code, error.name, error.retry) == (expected["code"], expected["name"], "never")
    assert isinstance(error, ValueError)
    assert expected.get("says", "") in error.message
    if expected["part"] is not None:
        assert error.message.endswith(f" ({expected['part']} at position {expected['position']})")


def test_options_go_before_the_url_and_are_checked_in_the_same_way() -> None:
    parsed = standfast.parse_url("redis://h/1?pool_size=3", pool_size=4, command_timeout=0.25, fence=False)
    assert (parsed["db"], parsed["options"]["pool_size"]) == (1, 4)
    assert (parsed["options"]["command_timeout"], parsed["options"]["fence"]) == (0.25, False)
    assert parsed["options"]["client_name"] == f"standfast:python:{standfast.__version__}"
    with pytest.raises(standfast.ConfigurationError, match="not supported by this version"):
        standfast.parse_url("redis://h", redundancy=2)


def test_the_environment_is_read_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STANDFAST_URL", "redis+sentinel://:a-canary@s1,s2/m/2")
    monkeypatch.setenv("STANDFAST_COMMAND_TIMEOUT", "250ms")
    parsed = standfast.parse_url("env:", pool_size=7)
    assert (parsed["hosts"], parsed["master"], parsed["db"]) == (["s1:26379", "s2:26379"], "m", 2)
    assert (parsed["options"]["command_timeout"], parsed["options"]["pool_size"]) == (0.25, 7)
    assert standfast.parse_url("redis://h")["options"]["command_timeout"] == 5
    monkeypatch.setenv("STANDFAST_PASWORD", "a-canary")
    with pytest.raises(standfast.ConfigurationError, match="did you mean STANDFAST_PASSWORD") as caught:
        standfast.parse_url("env:")
    assert "canary" not in str(caught.value)


@pytest.fixture(scope="module")
def misconfigurations() -> Iterator[list[dict[str, Any]]]:
    """The vectors, with servers behind their addresses."""
    program = os.environ.get("STANDFAST_MISCONFIGURED") or ROOT / "target/debug/standfast-misconfigured"
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        vectors: list[dict[str, Any]] = json.loads(process.stdout.readline())
        yield vectors
        process.stdin.close()
        assert process.wait(20) == 0


CATEGORIES: dict[str, type[standfast.StandfastError]] = {
    "2": standfast.ConfigurationError,
    "3": standfast.DiscoveryError,
    "4": standfast.NetworkError,
    "5": standfast.ServerError,
}


def test_every_misconfiguration_is_named_as_the_file_says(face: Face, misconfigurations: list[dict[str, Any]]) -> None:
    assert len(misconfigurations) >= 30
    for vector in misconfigurations:
        begin = time.monotonic()
        try:
            client = face.connect(vector["url"])
            assert client.execute(*vector["command"]) == vector["reply"].encode(), vector["name"]
        except standfast.StandfastError as error:
            assert "error" in vector, (vector["name"], error)
            check(vector["name"], vector["error"], error, time.monotonic() - begin)


def check(name: str, expected: dict[str, Any], error: standfast.StandfastError, took: float) -> None:
    assert (error.code, error.name, error.retry) == (expected["code"], expected["name"], expected["retry"]), (name, error)
    assert isinstance(error, CATEGORIES[str(error.code)[0]]), name
    assert expected["says"] in error.message, (name, error)
    assert (error.phase, error.server_code) == (expected.get("phase"), expected.get("server")), (name, error)
    assert not re.search("canary", f"{error} {error.__dict__}"), name
    addresses = set(expected["addresses"].split(",")) if "addresses" in expected else set()
    assert {cause.address for cause in error.causes} == addresses, (name, error)
    for step, code, text in expected.get("causes", []):
        found = [c for c in error.causes if (c.step, c.name) == (step, code) and text in c.text]
        assert found, (name, step, code, text, error)
        assert (found[0].resolved is None) == (step == "resolve" or "not answered yet" in text), (name, found)
    if "at_once" in expected:
        assert took < 5 if expected["at_once"] else took >= 0.2, (name, took)
