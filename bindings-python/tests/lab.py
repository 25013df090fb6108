"""The lab: real servers and faults, through the command ``standfast-lab`` (see ``tests/lab/README.md``).

One object of this module is one process of that command, and with it one topology. Everything has a hard deadline.
"""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

_REPOSITORY = Path(__file__).resolve().parents[2]
_ANSWER_WITHIN = 50.0


class LabError(AssertionError):
    """The lab could not do what was asked, or did not answer."""


def lab_program() -> Path:
    """The path of the command."""
    named = os.environ.get("STANDFAST_LAB")
    program = Path(named) if named else _REPOSITORY / "target" / "debug" / "standfast-lab"
    if not program.exists():
        raise LabError(f"there is no {program}: cargo build -p standfast-lab, or set STANDFAST_LAB")
    return program


class Lab:
    """A master, replicas and sentinels. Give the options of the lab's ``start``."""

    def __init__(self, **options: Any) -> None:
        self._ids = 0
        self._read = b""
        self._process = subprocess.Popen([lab_program()], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            started = self.ask("start", **options)
        except BaseException:
            self.stop()
            raise
        self.url: str = started["url"]
        self.sentinels: list[str] = started["sentinels"]
        self.nodes: list[str] = started["nodes"]
        self.master_name: str = started["master_name"]

    def ask(self, do: str, **parameters: Any) -> dict[str, Any]:
        """Ask the lab to do something; its answer."""
        assert self._process.stdin is not None
        self._ids += 1
        line = json.dumps({"id": self._ids, "do": do, **parameters})
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._line(do))
        if not answer.get("ok"):
            raise LabError(f"{do}: {answer.get('error')}")
        assert answer["id"] == self._ids
        return answer

    def _line(self, do: str) -> bytes:
        assert self._process.stdout is not None
        deadline = time.monotonic() + _ANSWER_WITHIN
        while b"\n" not in self._read:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._process.stdout], [], [], left)[0]:
                raise LabError(f"{do}: no answer within {_ANSWER_WITHIN} s")
            chunk = os.read(self._process.stdout.fileno(), 65536)
            if not chunk:
                raise LabError(f"{do}: the lab ended with {self._process.wait()}")
            self._read += chunk
        line, _, self._read = self._read.partition(b"\n")
        return line

    def redis(self, *args: str, node: str | None = None) -> Any:
        """Execute a command at a node, or at the master, without Standfast."""
        where = {} if node is None else {"node": node}
        return self.ask("redis", args=list(args), **where)["reply"]

    def wait_replicated(self) -> None:
        """Wait until every replica has confirmed what the master has written by now."""
        wanted = int(re.findall(r"master_repl_offset:(\d+)", self.redis("INFO", "replication"))[0])
        deadline = time.monotonic() + _ANSWER_WITHIN
        while True:
            offsets = [int(n) for n in re.findall(r"state=online,offset=(\d+)", self.redis("INFO", "replication"))]
            if len(offsets) == len(self.nodes) - 1 and min(offsets) >= wanted:
                return
            if time.monotonic() > deadline:
                raise LabError(f"the replicas are at {offsets} and not at {wanted} after {_ANSWER_WITHIN} s")
            time.sleep(0.01)

    def replace_in_url(self, old: str, new: str) -> str:
        """The URL with a part replaced, which must be there."""
        assert old in self.url, self.url
        return self.url.replace(old, new)

    def stop(self) -> None:
        """End the servers and the command."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._process.stdout.close()

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
