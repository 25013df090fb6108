"""Programs that a test runs in an interpreter of their own, to see how it ends."""

from __future__ import annotations

import subprocess
import sys
import textwrap

PRELUDE = """
import asyncio, logging, os, signal, sys, threading, time
import standfast, standfast.aio
# That a callback took long is a warning about the machine, and some of the programs block their loop on purpose.
logging.getLogger("asyncio").setLevel(logging.ERROR)
url = sys.argv[1]

def say(*words):
    print(*words, flush=True)
"""


def start(program: str, url: str) -> subprocess.Popen[str]:
    """Start a program; its first argument is the URL."""
    source = PRELUDE + textwrap.dedent(program)
    return subprocess.Popen(
        [sys.executable, "-X", "dev", "-W", "error", "-c", source, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str], within: float = 20.0) -> tuple[int, str, str]:
    """Wait for the end of a program: its exit code, output and error output."""
    try:
        output, errors = process.communicate(timeout=within)
    except subprocess.TimeoutExpired:
        process.kill()
        output, errors = process.communicate()
        raise AssertionError(f"the program hangs\n{output}\n{errors}") from None
    return process.returncode, output, errors


def run(program: str, url: str) -> str:
    """Run a program that must end well and say nothing on stderr; its output."""
    code, output, errors = finish(start(program, url))
    assert (code, errors) == (0, ""), f"exit code {code}\n{output}\n{errors}"
    return output
