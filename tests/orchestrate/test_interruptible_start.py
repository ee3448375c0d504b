"""An interruption while Ray starts is heard, also when Ray hears nothing, and leaves no process behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

LIMIT = 60  # seconds
SENTENCE = r"Interrupted( while Ray was starting)?\. What is done is kept; the same command goes on\.\n"
START = """
from silktune.cli.options import interruptible
from silktune.errors import SilktuneError
from silktune.orchestrate.executors.ray.connection import connected
from silktune.orchestrate.executors.resources import Placement
try:
    with interruptible("What is done is kept; the same command goes on."):
        with connected(Placement(concurrent=1, workers=1, gpus=None, device="cpu", retries=0)):
            print("started")
except SilktuneError as error:
    print(error)
    raise SystemExit(error.exit_code)
"""


@pytest.fixture
def starting() -> Iterator[subprocess.Popen[str]]:
    """A process that starts a Ray, as the leader of a session of its own."""
    folder = Path(tempfile.mkdtemp(prefix="s"))  # pytest's own name is too long for sockets
    process = subprocess.Popen(
        [sys.executable, "-c", START], text=True, encoding="utf-8", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=os.environ | {"RAY_TMPDIR": str(folder)}, start_new_session=True,
    )  # fmt: skip
    yield process
    for left in session(process.pid):
        left.kill()
    process.wait()
    shutil.rmtree(folder)


def session(leader: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(ProcessLookupError):
            if os.getsid(process.pid) == leader and process.pid != leader:
                found.append(process)
    return found


def child(process: subprocess.Popen[str], name: str) -> psutil.Process:
    """A process of Ray's, as soon as it is there."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        assert process.poll() is None, process.communicate()[0]
        for one in session(process.pid):
            with suppress(psutil.NoSuchProcess):
                if one.name() == name:
                    return one
    raise AssertionError(f"no {name}")


@pytest.mark.ray
@pytest.mark.timeout(3 * LIMIT)
@pytest.mark.parametrize(
    ("number", "name", "stuck"),
    [
        (signal.SIGINT, "gcs_server", False),
        (signal.SIGTERM, "raylet", False),
        (signal.SIGTERM, "raylet", True),
        *(
            pytest.param(*case, marks=pytest.mark.cluster)  # half a minute each for a gcs_server that stands still
            for case in [
                (signal.SIGTERM, "gcs_server", False),
                (signal.SIGINT, "raylet", False),
                (signal.SIGINT, "raylet", True),
                (signal.SIGINT, "gcs_server", True),
                (signal.SIGTERM, "gcs_server", True),
            ]
        ),
    ],
)
def test_an_interruption_is_heard(
    starting: subprocess.Popen[str], number: signal.Signals, name: str, stuck: bool
) -> None:
    """A process that stands still keeps Ray waiting in C++, where for half a minute no other thread runs either."""
    begun = child(starting, name)
    if stuck:
        begun.send_signal(signal.SIGSTOP)
    started = session(starting.pid)
    starting.send_signal(number)
    output, _ = starting.communicate(timeout=LIMIT if stuck and name == "gcs_server" else LIMIT / 3)
    assert starting.returncode == 130, output
    assert re.fullmatch(SENTENCE, output), output
    _, alive = psutil.wait_procs(started, timeout=10)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []
    assert session(starting.pid) == []
