"""A cluster's head on this machine, at a loopback address of its own; it ends with all that it started."""

from __future__ import annotations

import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

BIN = Path(sys.executable).parent
CONFIG = "ray_bootstrap_config.yaml"
LIMIT = 120  # seconds for the head to come up, or a command to end


@dataclass
class Head:
    """A head that is up, and the shell of a person who uses it."""

    address: str
    environ: Mapping[str, str]
    log: Path

    def run(self, command: str, *, limit: float = LIMIT) -> str:
        """What a command prints; it must succeed within `limit` seconds."""
        done = subprocess.run(
            ["bash", "-c", command], env=self.environ, timeout=limit, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}\n{self.log.read_text()}"
        return done.stdout


@contextmanager
def head(
    words: Sequence[str], *, dashboard: int = 0, autoscaling: Mapping[str, Any] | None = None, **environ: str
) -> Iterator[Head]:
    """Start a head with a token.

    Args:
        words: more options of `ray start`.
        dashboard: its port; none without one.
        autoscaling: what `ray up` would leave on the head for Ray's imitation of a provider; no autoscaler without.
        environ: variables of the head and of all commands.
    """
    folder = Path(tempfile.mkdtemp(prefix="ray"))  # a short name: Ray's sockets lie in it
    known = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    known |= {"HOME": str(folder), "PATH": f"{BIN}:{os.environ['PATH']}", "RAY_AUTH_MODE": "token"}
    (folder / ".ray").mkdir()
    (folder / ".ray" / "auth_token").write_text(secrets.token_hex(32))
    address, port = f"127.{random.randrange(1, 255)}.{random.randrange(256)}.1", free_port()
    if autoscaling:
        provider = {**autoscaling["provider"], "gcs_address": f"{address}:{port}"}
        (folder / CONFIG).write_text(yaml.safe_dump({**autoscaling, "provider": provider}))
        words = [*words, f"--autoscaling-config=~/{CONFIG}"]
    options = [
        "--head", "--block", f"--node-ip-address={address}", f"--port={port}", f"--temp-dir={folder}",
        "--min-worker-port=0", "--max-worker-port=0", f"--ray-client-server-port={free_port()}",
        "--dashboard-agent-listen-port=0", "--object-store-memory=100000000", "--include-dashboard",
        *(["true", f"--dashboard-port={dashboard}"] if dashboard else ["false"]),
    ]  # fmt: skip
    variables = known | {"RAY_USAGE_STATS_ENABLED": "0"} | environ
    made = Head(f"{address}:{port}", variables, folder / "head.log")
    with made.log.open("w") as log:
        process = subprocess.Popen(
            [BIN / "ray", "start", *options, *words], env=made.environ, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait(process, lambda: "Ray runtime started" in made.log.read_text(), made.log)
        if dashboard:  # its agent takes jobs
            _wait(process, lambda: any(folder.glob("session_latest/dashboard_agent_listen_port_*")), made.log)
        yield made
    finally:
        _end(process)
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], up: Callable[[], bool], log: Path) -> None:
    end = time.monotonic() + LIMIT
    while not up():
        assert time.monotonic() < end, log.read_text()
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ray's processes keep the session in which they were started; jobs have sessions of their own."""
    jobs = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    found = [other for other in psutil.process_iter() if _session(other.pid) == process.pid]
    for other in {*found, *jobs}:
        with suppress(psutil.NoSuchProcess):
            other.send_signal(signal.SIGKILL)
    process.wait(timeout=LIMIT)


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0
