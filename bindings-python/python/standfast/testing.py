"""A real Sentinel topology to test your own code against: start it, break it, wait for what follows.

The servers are real ``redis-server`` and ``redis-sentinel`` processes on loopback, started by the command ``standfast-lab``;
they are gone when the :class:`Lab` is closed, and when this process dies in whatever way. ::

    from standfast.testing import Lab

    with Lab() as lab, standfast.connect(lab.url) as client:
        lab.kill_master()
        client.set("k", "v")        # held until there is a new master

Needed are ``redis-server`` (or what ``STANDFAST_LAB_SERVER`` names) and ``standfast-lab``, which is looked for in
``STANDFAST_LAB``, in this package's folder, on ``PATH``; ``cargo install standfast-lab`` builds it.

Calls block, and go one after another, from any number of threads; with asyncio use ``asyncio.to_thread(lab.kill_master)``.
Whatever fails raises :class:`LabError`. Lengths of time are seconds, moments are seconds since the epoch, as those of ``time.time()``;
addresses are ``host:port``. What each fault does to the servers is told in the lab's README.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

__all__ = [
    "Entry",
    "Happened",
    "Lab",
    "LabError",
    "Published",
    "Publisher",
    "Topology",
    "Traffic",
    "lab_program",
]

# Beyond what a request says of its own patience: starting and healing have limits in the lab, below this.
_ANSWER_WITHIN = 60.0
_END_WITHIN = 10.0


class LabError(Exception):
    """The lab could not do what was asked, did not answer, or is not there."""


@dataclass(frozen=True)
class Happened:
    """Something that was done to a server, or that it did."""

    node: str
    at: float


@dataclass(frozen=True)
class Entry:
    """A line of the timeline: a fault (``source`` is ``lab``), a sentinel's event, or a node's first write."""

    at: float
    source: str
    kind: str
    detail: str


@dataclass(frozen=True)
class Traffic:
    """What went through a server's proxy. The lab's own connections are not counted."""

    open: int
    """Connections that are open now."""
    total: int
    """Connections since the start."""
    to_server: int
    """Bytes."""
    to_client: int
    """Bytes."""


@dataclass(frozen=True)
class Published:
    """What became of one message of a :class:`Publisher`."""

    n: int
    """The message is this number, in digits."""
    at: float
    """When it was sent."""
    done: float
    """When it was answered, or had failed."""
    node: str | None
    receivers: int | None
    """How many heard it; ``None`` if it failed."""
    error: str | None


@dataclass(frozen=True)
class Topology:
    """A further master under the same sentinels."""

    url: str
    nodes: list[str]
    master: str


def lab_program() -> Path:
    """The command ``standfast-lab``: ``STANDFAST_LAB``, or in this package's folder, or on ``PATH``."""
    named = os.environ.get("STANDFAST_LAB")
    if named:
        if Path(named).is_file():
            return Path(named)
        raise LabError(f"STANDFAST_LAB names {named}, which is not there")
    own = Path(__file__).parent / "_bin" / "standfast-lab"
    if own.is_file():
        return own
    found = shutil.which("standfast-lab")
    if found:
        return Path(found)
    raise LabError(
        "there is no standfast-lab in STANDFAST_LAB, in this package's folder, or on PATH: `cargo install standfast-lab`"
    )


class Lab:
    """A master, its replicas and sentinels that agree, started by the constructor. Close it, or use ``with``."""

    def __init__(
        self,
        *,
        replicas: int = 2,
        sentinels: int = 3,
        quorum: int | None = None,
        down_after: float = 1.0,
        failover_timeout: float = 5.0,
        master_name: str = "mymaster",
        password: str | None = None,
        sentinel_password: str | None = None,
        proxied: bool = False,
        more_masters: Sequence[str] = (),
        server_args: Sequence[str] = (),
    ) -> None:
        """0 to 5 replicas, 1 to 5 sentinels; ``quorum`` is a majority of them unless given.

        ``proxied`` puts a proxy in front of every server, for :meth:`fault`, :meth:`partition` and :meth:`traffic`.
        """
        self._lock = threading.Lock()
        self._ids = 0
        self._read = b""
        try:
            self._process = subprocess.Popen([lab_program()], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        except OSError as error:
            raise LabError(f"standfast-lab cannot be started: {error}") from error
        optional = {"quorum": quorum, "password": password, "sentinel_password": sentinel_password}
        try:
            started = self.ask(
                "start",
                replicas=replicas,
                sentinels=sentinels,
                down_after_ms=_ms(down_after),
                failover_timeout_ms=_ms(failover_timeout),
                master_name=master_name,
                proxied=proxied,
                more_masters=list(more_masters),
                server_args=list(server_args),
                **{name: value for name, value in optional.items() if value is not None},
            )
        except BaseException:
            self.close()
            raise
        self.url: str = started["url"]
        self.sentinels: list[str] = started["sentinels"]
        self.nodes: list[str] = started["nodes"]
        self.master_name: str = started["master_name"]
        self.version: str = started["version"]
        self.more_masters = {name: Topology(**about) for name, about in started["more_masters"].items()}

    # ---- who is who ----

    def master(self) -> str:
        """The node that most sentinels call the master."""
        return str(self.ask("master")["master"])

    def redis(self, *args: str, node: str | None = None) -> Any:
        """Execute a command at a node or a sentinel, or at the master, past Standfast and past all faults of connections."""
        return self.ask("redis", args=list(args), **_given(node=node))["reply"]

    def traffic(self, node: str) -> dict[Literal["clients", "peers"], Traffic]:
        """What went to a node or a sentinel: by clients, and by the lab's other servers."""
        traffic = self.ask("traffic", node=node)["traffic"]
        return {"clients": Traffic(**traffic["clients"]), "peers": Traffic(**traffic["peers"])}

    # ---- faults of servers ----

    def kill_master(self) -> Happened:
        """SIGKILL."""
        return _happened(self.ask("kill_master"))

    def stop_master(self) -> Happened:
        """SIGSTOP: it keeps its connections and says nothing."""
        return _happened(self.ask("stop_master"))

    def shutdown_master(self) -> Happened:
        """SIGTERM; returns when it has ended."""
        return _happened(self.ask("shutdown_master"))

    def kill_node(self, node: str) -> Happened:
        """SIGKILL, for a node or a sentinel."""
        return _happened(self.ask("kill_node", node=node))

    def stop_node(self, node: str) -> Happened:
        """SIGSTOP, for a node or a sentinel."""
        return _happened(self.ask("stop_node", node=node))

    def shutdown_node(self, node: str) -> Happened:
        """SIGTERM, for a node or a sentinel; returns when it has ended."""
        return _happened(self.ask("shutdown_node", node=node))

    def cont(self, node: str | None = None) -> None:
        """SIGCONT, for one server or for all that were stopped."""
        self.ask("cont", **_given(node=node))

    def restart(self, node: str) -> Happened:
        """Start a dead server again at its address; a node comes back as a replica of the present master."""
        return _happened(self.ask("restart", node=node))

    def planned_failover(self, master_name: str | None = None) -> Happened:
        """``SENTINEL FAILOVER``; ``node`` is the old master."""
        return _happened(self.ask("planned_failover", **_given(master_name=master_name)))

    def remonitor(self, sentinel: str, node: str) -> Happened:
        """Make a sentinel watch another node under the same name."""
        return _happened(self.ask("remonitor", sentinel=sentinel, node=node))

    def redeploy(self, sentinels: Iterable[str] | None = None) -> None:
        """Replace sentinels, or all of them, by new ones at their addresses that know nothing but the present masters."""
        self.ask("redeploy", **_given(sentinels=None if sentinels is None else list(sentinels)))

    # ---- faults of connections ----

    def fault(
        self,
        node: str,
        kind: Literal[
            "swallow", "black_hole", "cut", "delay", "reset", "half_open", "refuse", "drop_pushes", "answer", "reroute"
        ],
        *,
        side: str = "all",
        next: int | None = None,
        newest: bool = False,
        **parameters: Any,
    ) -> Happened:
        """Disturb the connections to a node or a sentinel, from now on.

        ``side`` says whose: ``all``, ``clients``, ``peers``, or a server's address. ``next`` limits it to so many new connections,
        ``newest`` to the newest one. ``parameters`` are what the kind takes: ``direction``, ``after``, ``ms``, ``channel``, ``text``, ``to``.
        """
        limits = {**_given(next=next), **({"newest": True} if newest else {})}
        return _happened(self.ask("fault", node=node, kind=kind, side=side, **limits, **parameters))

    def partition(self, some: Iterable[str], others: Iterable[str]) -> None:
        """Let nothing pass between two groups of servers."""
        self.ask("partition", between=[list(some), list(others)])

    def heal_faults(self, node: str | None = None) -> None:
        """End the faults of connections, at one server or everywhere."""
        self.ask("heal_faults", **_given(node=node))

    def heal(self) -> str:
        """Mend everything as quickly as it can be done; the master."""
        return str(self.ask("heal")["master"])

    # ---- waiting ----

    def wait_healthy(self, timeout: float = 30.0) -> str:
        """Wait until everything runs and every sentinel agrees, and change nothing; the master."""
        return str(self._patiently("wait_healthy", timeout)["master"])

    def wait_replicating(self, timeout: float = 30.0) -> str:
        """Wait until every running node follows one master; the master."""
        return str(self._patiently("wait_replicating", timeout)["master"])

    def wait_replicated(self, timeout: float = 30.0) -> None:
        """Wait until every running replica has confirmed what the master has written by now."""
        self._patiently("wait_replicated", timeout)

    def wait_writable(self, timeout: float = 30.0) -> Happened:
        """Wait for the first write that another node took after the latest fault of a master."""
        return _happened(self._patiently("wait_writable", timeout))

    def wait_event(self, kind: str, *, since: float = 0.0, timeout: float = 30.0) -> Entry:
        """Wait for an entry of the timeline, such as ``+switch-master``."""
        return _entry(self._patiently("wait_event", timeout, kind=kind, since_us=_us(since))["entry"])

    def timeline(self, since: float = 0.0) -> list[Entry]:
        """Everything that happened, by time."""
        return [_entry(entry) for entry in self.ask("timeline", since_us=_us(since))["timeline"]]

    def publisher(self, channel: str, every: float = 0.005) -> Publisher:
        """Publish 0, 1, 2, … at the master, whoever that is, without Standfast, until it is stopped."""
        return Publisher(self, self.ask("publisher_start", channel=channel, every_ms=_ms(every))["publisher"])

    # ---- the command ----

    def ask(self, do: str, **parameters: Any) -> dict[str, Any]:
        """Send the command a request of its own language, as in the lab's README; its answer."""
        return self._ask(do, _ANSWER_WITHIN, parameters)

    def close(self) -> None:
        """End the servers and the command. Again does nothing."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        try:
            stdin.close()
        except BrokenPipeError:
            pass
        try:
            self._process.wait(_END_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_END_WITHIN)
        stdout.close()

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        # Not the URL: it may contain passwords.
        return f"<standfast.testing.Lab {self._process.pid}>"

    def _patiently(self, do: str, timeout: float, **parameters: Any) -> dict[str, Any]:
        return self._ask(do, timeout + _ANSWER_WITHIN, {"timeout_ms": _ms(timeout), **parameters})

    def _ask(self, do: str, within: float, parameters: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            stdin = self._process.stdin
            assert stdin is not None
            self._ids += 1
            try:
                stdin.write(json.dumps({"id": self._ids, "do": do, **parameters}).encode() + b"\n")
                stdin.flush()
            except (BrokenPipeError, ValueError):
                raise LabError(f"{do}: the lab has ended") from None
            deadline = time.monotonic() + within
            # The answer to a request that was interrupted comes first.
            while True:
                answer: dict[str, Any] = json.loads(self._line(do, deadline))
                if answer["id"] == self._ids:
                    break
        if not answer["ok"]:
            raise LabError(f"{do}: {answer['error']}")
        return answer

    def _line(self, do: str, deadline: float) -> bytes:
        stdout = self._process.stdout
        assert stdout is not None
        while b"\n" not in self._read:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([stdout], [], [], left)[0]:
                raise LabError(f"{do}: the lab does not answer")
            chunk = os.read(stdout.fileno(), 65536)
            if not chunk:
                raise LabError(f"{do}: the lab has ended")
            self._read += chunk
        line, _, self._read = self._read.partition(b"\n")
        return line


class Publisher:
    """Publishes numbered messages, so that what was missed can be counted."""

    def __init__(self, lab: Lab, number: int) -> None:
        self._lab = lab
        self._number = number

    def stop(self) -> list[Published]:
        """End it, once; what became of each message."""
        log = self._lab.ask("publisher_stop", publisher=self._number)["log"]
        return [
            Published(
                n=line["n"],
                at=line["at_us"] / 1e6,
                done=line["done_us"] / 1e6,
                node=line.get("node"),
                receivers=line.get("receivers"),
                error=line.get("error"),
            )
            for line in log
        ]


def _ms(seconds: float) -> int:
    return round(seconds * 1e3)


def _us(seconds: float) -> int:
    return round(seconds * 1e6)


def _given(**parameters: Any) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value is not None}


def _happened(answer: dict[str, Any]) -> Happened:
    return Happened(answer["node"], answer["at_us"] / 1e6)


def _entry(entry: dict[str, Any]) -> Entry:
    return Entry(entry["at_us"] / 1e6, entry["source"], entry["kind"], entry["detail"])
