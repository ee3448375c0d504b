"""A Ray of several nodes on one machine: each has its own processes, loopback address and folder, and can be lost.

What is started here ends here: by session, never by name, since other Rays may run on this machine.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

LIMIT = 120  # seconds for a node to come up
STORE = 80_000_000  # bytes of a node's object store
# A node that is lost is missed after two seconds, not after fifteen.
ENVIRON = {
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_failure_threshold": "4",
    "GLOO_SOCKET_IFNAME": "lo",
}
# Hears the sessions of nodes, and when nobody is there any more to name another one, ends them: a test that runs into
# its time limit ends without a word.
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
        """Start it; `within` is a command that runs it in surroundings of its own."""
        self.address, self.log = address, folder.with_suffix(".log")
        ray = Path(sys.executable).with_name("ray")
        common = [
            "--block", "--node-ip-address", address, "--temp-dir", str(folder), "--num-gpus", "0",
            "--min-worker-port", "0", "--max-worker-port", "0", "--object-store-memory", str(STORE),
            "--disable-usage-stats", "--include-log-monitor", "false",
        ]  # fmt: skip
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                [*within, str(ray), "start", *words, *common],
                env=environ, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def wait(self) -> None:
        """Until it is part of its cluster."""
        end = time.monotonic() + LIMIT
        while "Ray runtime started" not in self.log.read_text():
            assert time.monotonic() < end, self.log.read_text()
            assert self._process.poll() is None, self.log.read_text()
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
        """All that run on it; a Ray worker keeps the session of its node."""
        return [process for process in psutil.process_iter() if _session(process.pid) == self.session]

    def kill(self) -> None:
        """The machine is gone, at once and without a word."""
        while found := self.processes():
            for process in found:
                _kill(process.pid)
            self._process.poll()
        self._process.wait()


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


class Cluster:
    """A head without CPUs, at an address that stays, and nodes with one CPU each."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.environ = {k: v for k, v in os.environ.items() if k != "RAY_ADDRESS"} | ENVIRON | dict(environ)
        self._net = f"127.{random.randrange(1, 250)}.{random.randrange(250)}"
        self.port, self._client_port = _free_port(), _free_port()
        self._count = 1
        self._reaper = subprocess.Popen(
            [sys.executable, "-c", REAPER], stdin=subprocess.PIPE, text=True, start_new_session=True
        )
        self.head: Node | None = None
        self.nodes: list[Node] = []

    @property
    def address(self) -> str:
        return f"{self._net}.1:{self.port}"

    def start(self, nodes: int) -> None:
        """Start the head and so many nodes."""
        words = ["--head", "--port", str(self.port), "--num-cpus", "0", "--include-dashboard", "false"]
        words += ["--ray-client-server-port", str(self._client_port)]
        self.head = self._node(words, 1, self.environ)
        self.head.wait()
        self.add(nodes)

    def add(self, nodes: int = 1) -> None:
        """Let nodes join."""
        for node in [self.join() for _ in range(nodes)]:
            node.wait()

    def join(self, *, within: Sequence[str] = (), **environ: str) -> Node:
        """A node that begins to join, in surroundings of its own."""
        self._count += 1
        words = ["--address", self.address, "--num-cpus", "1"]
        self.nodes.append(self._node(words, self._count, self.environ | environ, within))
        return self.nodes[-1]

    def lose(self, node: Node) -> None:
        """Kill a node."""
        self.nodes.remove(node)
        node.kill()

    def end(self) -> None:
        """Kill all that is left."""
        for node in [*([self.head] if self.head else []), *self.nodes]:
            node.kill()
        self.head, self.nodes = None, []

    def close(self) -> None:
        """Kill all that is left, for good."""
        self.end()
        self._reaper.kill()
        self._reaper.wait()

    def _node(self, words: list[str], number: int, environ: Mapping[str, str], within: Sequence[str] = ()) -> Node:
        folder = Path(tempfile.mkdtemp(prefix="n", dir=self.folder))
        made = Node(words, f"{self._net}.{number}", folder, environ, within)
        assert self._reaper.stdin
        print(made.session, file=self._reaper.stdin, flush=True)
        return made


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def cluster(nodes: int, environ: Mapping[str, str] | None = None) -> Iterator[Cluster]:
    """A Ray of a head and so many nodes, inside; its folder has a short name since sockets lie in it."""
    folder = Path(tempfile.mkdtemp(prefix="sc"))
    made = Cluster(folder, environ or {})
    try:
        made.start(nodes)
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)
