"""A program, how long it took, and how much of the processors it and all that it started had."""

from __future__ import annotations

import ctypes
import os
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

SUBREAPER = 36  # of Linux' prctl: processes whose parent has ended become children of this one
LOOK = 0.2  # seconds between two looks at the processes
GRACE = 30.0  # seconds in which what a program leaves has to end


@dataclass(frozen=True)
class Cost:
    """What a program took."""

    wall: float  # seconds
    cpu: float  # seconds, of all its processes


def run(command: Sequence[object], log: Path) -> Cost:
    """Run a program to its end.

    Raises:
        SystemExit: it failed.
    """
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    seen: dict[psutil.Process, float] = {}
    start = time.monotonic()
    with log.open("wb") as output:
        program = subprocess.Popen(list(map(str, command)), stdout=output, stderr=output)
        while program.poll() is None:
            _look(seen)
            time.sleep(LOOK)
    wall = time.monotonic() - start
    if program.returncode:
        raise SystemExit(
            f"{' '.join(map(str, command))} ended with {program.returncode}:\n{log.read_text('utf-8')[-2000:]}"
        )
    deadline = time.monotonic() + GRACE
    while psutil.Process().children() and time.monotonic() < deadline:  # processes of Ray outlive their driver
        _look(seen)
        time.sleep(LOOK)
        os.waitpid(-1, os.WNOHANG)
    return Cost(wall, sum(seen.values()))


def _look(seen: dict[psutil.Process, float]) -> None:
    """CPU seconds of every process so far; what the system adds up lacks the children that Ray's daemons disown."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            times = process.cpu_times()
            seen[process] = times.user + times.system
