"""A tiny woven data set, a tiny grid, and `silktune search` as a user runs it: a process of its own, on a real Ray."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from silktune.data import loom

LIMIT = 240  # seconds for one search; Ray fails by hanging

GRID = """
question: A grid of four trials that take seconds.
set:
  data.image_size: 32
  net.trunk: resnet18
  net.weights: none
  net.NB_RN: 1
  net.NN_tfc: []
  train.batch_size: 24
  train.max_epochs: 4
  train.patience: 4
search:
  train.learning_rate: {choices: [1.0e-3, 3.0e-4]}
  net.NN_jfc: {choices: [[16], [32]]}
"""


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return loom.weave(tmp_path_factory.mktemp("woven") / "sample", 120, 0)


@dataclass
class Bench:
    """A folder with a space, in which searches run."""

    folder: Path
    table: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *words: str, runs: str = "runs") -> subprocess.Popen[str]:
        """Begin a search as the leader of a process group of its own."""
        (self.folder / "grid.yaml").write_text(GRID)
        command = [sys.executable, "-m", "silktune", "search", "grid.yaml", "--data", str(self.table)]
        command += [
            "--sampler",
            "grid",
            "--device",
            "cpu",
            "--final-runs",
            "2",
            "--name",
            "study",
            "--runs",
            runs,
            *words,
        ]
        environment = os.environ | {"COLUMNS": "120", "MLFLOW_TRACKING_URI": ""}
        process = subprocess.Popen(
            command, cwd=self.folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        self.started.append(process)
        return process

    def search(self, *words: str, runs: str = "runs") -> tuple[int, str]:
        """Run a search to its end: exit status and what it printed."""
        process = self.start(*words, runs=runs)
        output, _ = process.communicate(timeout=LIMIT)
        return process.returncode, output

    def outcomes(self, runs: str = "runs") -> dict[str, Any]:
        """Every outcome, without the times that it took."""
        files = sorted((self.folder / runs / "study" / "outcomes").glob("[!.]*.json"))
        return {file.stem: _timeless(json.loads(file.read_text())) for file in files}

    def end(self) -> None:
        """End whatever is left of the searches that were started here."""
        for process in self.started:
            for child in [*_children(process.pid)]:
                child.kill()
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _timeless(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _timeless(value) for key, value in content.items() if key != "seconds"}
    return [_timeless(item) for item in content] if isinstance(content, list) else content


@pytest.fixture
def bench(tmp_path: Path, table: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, table)
    yield made
    made.end()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, table: Path) -> Iterator[tuple[Bench, int, str]]:
    """A search over the grid that nothing disturbed, and what it printed."""
    made = Bench(tmp_path_factory.mktemp("undisturbed"), table)
    status, output = made.search()
    yield made, status, output
    made.end()
