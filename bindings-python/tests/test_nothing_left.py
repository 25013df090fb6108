"""What is left of a client that could not connect: nothing, however often."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import standfast


def threads_and_descriptors() -> tuple[int, int]:
    return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))


def memory() -> int:
    """In KiB."""
    gc.collect()
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def fail(times: int) -> int:
    for url in ("redis+sentinel://127.0.0.1:1,127.0.0.1:2/m", "redis://127.0.0.1:1"):
        for _ in range(times // 2):
            try:
                standfast.connect(url, connect_deadline=0.001)
            except standfast.StandfastError:
                continue
            raise AssertionError("somebody listens there")
    return memory()


def test_nothing_is_left_of_a_thousand_failed_connections() -> None:
    # What the interpreter and the allocator keep for the next time is there after a few.
    warm = fail(200)
    before = threads_and_descriptors()
    end = fail(1000)
    assert threads_and_descriptors() == before
    assert end < warm + 2048, f"{end - warm} KiB are left"
