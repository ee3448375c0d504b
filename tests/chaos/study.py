"""A small ablation as a user runs it on a cluster, and what is seen of it on disk while it is disturbed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.orchestrate.conftest import LONG_ROWS

EPOCHS = 8
ROWS = LONG_ROWS.replace(": 4\n", f": {EPOCHS}\n")
TRIALS = 6
LIMIT = 180.0  # seconds in which something has to happen


def until(happens: Callable[[], bool], what: str, pause: float = 0.05) -> None:
    """Wait for something; it is an error if it does not happen."""
    end = time.monotonic() + LIMIT
    while not happens():
        assert time.monotonic() < end, f"{what}: not within {LIMIT:g} s"
        time.sleep(pause)


class Study:
    """The same command, given as often as it takes; what was finished once is watched."""

    def __init__(self, folder: Path, table: Path, address: str, uri: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "rows.yaml").write_text(ROWS, encoding="utf-8")
        self.folder, self.name = folder / "runs" / "study", folder.name
        self._output = folder / "output.txt"
        self._command = [
            sys.executable, "-m", "silktune", "ablate", "rows.yaml", "--data", str(table), "--address", address,
            "--concurrent", "2", "--device", "cpu", "--name", "study",
        ]  # fmt: skip
        self._environ = os.environ | {
            "RAY_AUTH_MODE": "disabled", "MLFLOW_TRACKING_URI": uri, "COLUMNS": "120", "GLOO_SOCKET_IFNAME": "lo",
            "SILKTUNE_CHECKPOINT_SECONDS": "0",
        }  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None
        self._epochs: set[tuple[Path, int]] = set()
        self._finished: dict[str, tuple[int, int]] = {}  # trial → inode and time of its outcome
        self.again: set[str] = set()  # finished trials that were trained or written again

    def add(self, *words: str) -> None:
        """Options of the command, from its next start."""
        self._command += words

    def start(self) -> None:
        """Give the command."""
        with self._output.open("a", encoding="utf-8") as output:
            self._process = subprocess.Popen(
                self._command, cwd=self._output.parent, env=self._environ, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip

    def kill(self) -> None:
        """End the driver without a word."""
        if self._process:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    @property
    def status(self) -> int | None:
        """How the command ended; None while it runs."""
        assert self._process
        return self._process.poll()

    @property
    def said(self) -> str:
        """Everything that it printed, however often it was started."""
        return self._output.read_text(encoding="utf-8") if self._output.exists() else ""

    def end(self) -> int:
        """Wait for the command's end."""
        until(lambda: self.look() >= 0 and self.status is not None, f"{self.name} ends")
        return self.status or 0

    def look(self) -> int:
        """How many epochs and outcomes were seen so far; notices a finished trial that is trained again."""
        for path in self.folder.glob("outcomes/[!.]*.json"):
            self._look_at(path)
        for path in self.folder.glob("trials/*/checkpoint.pt"):
            if stamp := _stamp(path):
                self._epochs.add((path, stamp[1]))
                if stamp[1] > self._finished.get(path.parent.name, stamp)[1]:
                    self.again.add(f"{path.parent.name} was trained")
        return len(self._epochs) + len(self._finished)

    def _look_at(self, path: Path) -> None:
        stamp, known = _stamp(path), self._finished.get(path.stem)
        if known and stamp != known:
            self.again.add(f"{path.stem} was written")
        elif not known and stamp and json.loads(path.read_text(encoding="utf-8"))["state"] == "finished":
            self._finished[path.stem] = stamp

    @property
    def running(self) -> list[str]:
        """The trials that have epochs and no outcome."""
        return sorted(path.parent.name for path in self.folder.glob("trials/*/checkpoint.pt"))

    def outcome(self, trial: str) -> str | None:
        """The state in which a trial ended, if it did."""
        path = self.folder / "outcomes" / f"{trial}.json"
        return str(json.loads(path.read_text(encoding="utf-8"))["state"]) if path.exists() else None

    def names(self) -> set[str]:
        """The trials that have an outcome."""
        return {path.stem for path in self.folder.glob("outcomes/[!.]*.json")}

    def outcomes(self) -> dict[str, Any]:
        """What every trial ended with, without times."""
        files = sorted(self.folder.glob("outcomes/[!.]*.json"))
        return {file.stem: _timeless(json.loads(file.read_text(encoding="utf-8"))) for file in files}

    def lost(self) -> list[str]:
        """Trials that were finished once and have no outcome any more."""
        return sorted(set(self._finished) - set(self.outcomes()))

    def differences(self, other: Study) -> list[str]:
        """What is not the same, to the last digit, as in another study."""
        mine, others = self.outcomes(), other.outcomes()
        found = [name for name in sorted({*mine, *others}) if mine.get(name) != others.get(name)]
        table, their_table = ((one.folder / "table.md").read_text(encoding="utf-8") for one in (self, other))
        return found + (["table.md"] if table != their_table else [])


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


def _timeless(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _timeless(value) for key, value in content.items() if key != "seconds"}
    return [_timeless(item) for item in content] if isinstance(content, list) else content
