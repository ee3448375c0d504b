"""A search on a simulated cluster, its driver killed halfway and started again; prints a Markdown table.

Two processes are started: one keeps the cluster (`nodes`), the other one is silktune's driver (`driver`).
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.scale import driver, figures
from benchmarks.scale.driver import Size

LOOK = 0.2  # seconds between two looks at what there is
GRACE = 60  # seconds in which a cluster ends


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--nodes", type=int, default=100, help="of one CPU each (100)")
    parser.add_argument("--trials", type=int, default=1000, help="(1000)")
    parser.add_argument("--epochs", type=int, default=10, help="of a trial that is not stopped early (10)")
    parser.add_argument("--seconds", type=float, default=10, help="that these epochs take together (10)")
    parser.add_argument("--no-mlflow", action="store_true", help="tell nobody of the trials")
    parser.add_argument("--no-kill", action="store_true", help="let the driver live")
    parser.add_argument("--limit", type=float, default=3600, help="seconds after which all is ended (3600)")
    parser.add_argument("--keep", type=Path, help="an empty folder for all that is written; else it is deleted")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # with everything closed
    size = Size(asked.nodes, asked.trials, asked.epochs, asked.seconds, not asked.no_mlflow)
    with tempfile.TemporaryDirectory(prefix="scale-", ignore_cleanup_errors=True) as scratch:
        made = Simulation(asked.keep or Path(scratch), Path(scratch), size, time.monotonic() + asked.limit)
        made.run(kill=not asked.no_kill)
        print(figures.table(made.folder, size, made.memory))


@dataclass
class Simulation:
    """A cluster, and the drivers of a search on it, one after the other."""

    folder: Path  # of the study, and of what is noted
    scratch: Path  # of Ray: its sockets want a short one
    size: Size
    deadline: float  # by time.monotonic
    memory: float = 0.0  # bytes that all of it needs at most
    token: str = field(default_factory=lambda: secrets.token_hex(32))  # Ray listens on every network

    def run(self, *, kill: bool) -> None:
        driver.data(self.folder, self.size)
        free = psutil.virtual_memory().available
        print(f"Starting {self.size.nodes} nodes …", flush=True)
        with self._process("nodes", self.size.nodes, self.scratch) as keeper:
            while not (self.scratch / "address").exists():
                self._look(keeper, free)
            if kill:
                self._drive(1, free, until=self.size.trials // 2)
            self._drive(2 if kill else 1, free)

    def _drive(self, start: int, free: float, until: int | None = None) -> None:
        """A driver, to its end or until there are so many outcomes: then it is killed."""
        outcomes = self.folder / driver.STUDY / "outcomes"
        address = (self.scratch / "address").read_text(encoding="utf-8")
        size = self.size
        words = (self.folder, address, start, size.nodes, size.trials, size.epochs, size.seconds, size.mlflow)
        with self._process("driver", *words) as process:
            print(f"Driver {start} starts …", flush=True)
            while process.poll() is None:
                if until is not None and len(list(outcomes.glob("t*.json"))) >= until:
                    process.kill()
                    process.wait()
                    return
                self._look(process, free, may_end=True)
        if process.returncode:
            raise SystemExit(f"The driver ended with {process.returncode}.")

    def _look(self, process: subprocess.Popen[bytes], free: float, *, may_end: bool = False) -> None:
        """Wait a moment; all has to be as it should."""
        time.sleep(LOOK)
        self.memory = max(self.memory, free - psutil.virtual_memory().available)
        if time.monotonic() > self.deadline:
            raise SystemExit("The time is over.")
        if process.poll() is not None and not may_end:
            raise SystemExit(f"The cluster ended with {process.returncode}.")

    @contextmanager
    def _process(self, module: str, *words: object) -> Iterator[subprocess.Popen[bytes]]:
        """A process of this benchmark, which ends when its input does, or else is ended."""
        command = [sys.executable, "-m", f"benchmarks.scale.{module}", *map(str, words)]
        ours = {"RAY_TMPDIR": str(self.scratch), "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token}
        process = subprocess.Popen(command, env=os.environ | ours, stdin=subprocess.PIPE, start_new_session=True)
        try:
            yield process
        finally:
            process.stdin.close()
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
