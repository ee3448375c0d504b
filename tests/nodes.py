"""A node of Ray on this machine: its processes, a loopback address and a folder of its own, and it can be lost.

What is started here ends here: by session, never by name, since other Rays may run on this machine.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

LAUNCHER = "ray::ImplicitFunc"  # the process of a trial, which trains by itself or launches workers
WORKER = "ray::RayTrainWorker"  # one of several workers of a trial
BIN = Path(sys.executable).parent
LIMIT = 120  # seconds for a node to come up
STORE = 80_000_000  # bytes of a node's object store
REAPER = """
import os, signal, sys
sessions = {int(line) for line in sys.stdin}
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        if os.getsid(int(pid)) in sessions:
            os.kill(int(pid), signal.SIGKILL)
    except ProcessLookupError:
        pass
"""


class Node:
    """`ray start --block` in a session of its own, with all that it starts."""

    def __init__(
        self, words: Sequence[str], address: str, folder: Path, environ: Mapping[str, str], within: Sequence[str] = ()
    ) -> None:
        """Start it.

        Args:
            words: more options of `ray start`.
            address: its IP address.
            folder: where its files are, with a short name since sockets are among them.
            environ: its variables.
            within: a command that runs it in surroundings of its own.
        """
        self.address, self.log = address, folder / "ray.log"
        common = [
            "--block", f"--node-ip-address={address}", f"--temp-dir={folder}", "--num-gpus=0",
            "--min-worker-port=0", "--max-worker-port=0", "--dashboard-agent-listen-port=0",
            f"--object-store-memory={STORE}", "--disable-usage-stats", "--include-log-monitor=false",
        ]  # fmt: skip
        with self.log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [*within, str(BIN / "ray"), "start", *words, *common],
                env=environ, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def wait(self, up: Callable[[], bool] = lambda: True) -> None:
        """Until it is part of its cluster, and whatever else is asked for."""
        end = time.monotonic() + LIMIT
        while "Ray runtime started" not in self.log.read_text(encoding="utf-8") or not up():
            assert time.monotonic() < end, self.log.read_text(encoding="utf-8")
            assert self._process.poll() is None, self.log.read_text(encoding="utf-8")
            time.sleep(0.05)

    @property
    def session(self) -> int:
        return self._process.pid

    @property
    def id(self) -> str:
        """By which Ray knows it."""
        words = [word for process in self.processes() if process.name() == "raylet" for word in process.cmdline()]
        return next(word.removeprefix("--node_id=") for word in words if word.startswith("--node_id="))

    def processes(self) -> list[psutil.Process]:
        """All that run on it: a Ray worker keeps the session of its node."""
        return [process for process in psutil.process_iter() if _session(process.pid) == self.session]

    def kill(self) -> None:
        """The machine is gone, at once and without a word, and with it the jobs that have sessions of their own."""
        jobs = psutil.Process(self._process.pid).children(recursive=True) if self._process.poll() is None else []
        while found := [*self.processes(), *jobs]:
            jobs = []
            for process in found:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGKILL)
            self._process.poll()
        self._process.wait()


def is_training(process: psutil.Process, names: str | tuple[str, ...] = (LAUNCHER, WORKER)) -> bool:
    """Whether a process is one of Ray's with a trial; Ray's workers come and go while one looks."""
    try:
        return process.cmdline()[:1] != [] and process.cmdline()[0].startswith(names)
    except psutil.NoSuchProcess:
        return False


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


class Reaper:
    """Ends nodes when nobody is there any more to do it: a test that runs into its time limit ends without a word."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", REAPER], stdin=subprocess.PIPE, text=True, encoding="utf-8", start_new_session=True
        )

    def hear(self, node: Node) -> None:
        assert self._process.stdin
        print(node.session, file=self._process.stdin, flush=True)

    def end(self) -> None:
        """The nodes have ended."""
        self._process.kill()
        self._process.wait()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def free_net() -> str:
    """The first three numbers of loopback addresses that most likely nobody has."""
    return f"127.{random.randrange(1, 255)}.{random.randrange(256)}"
