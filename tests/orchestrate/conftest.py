"""A tiny woven data set, a tiny grid, a tiny ablation, and silktune as a user runs it: its own process, a real Ray."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mlflow
import psutil
import pytest

from silktune.data.sample_data import collection

LOOPBACK = ("127.0.0.1", "::ffff:127.0.0.1")
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

ROWS = """
question: Does the auxiliary clustering help?
runs: 2
base:
  id: MTL
  set:
    data.image_size: 32
    net.trunk: resnet18
    net.weights: none
    net.NB_RN: 1
    net.NN_jfc: [16]
    net.NN_tfc: []
    loss.gamma: 0
    loss.lambda_aux: 0
    train.learning_rate: 1.0e-3
    train.batch_size: 24
    train.max_epochs: 4
    train.patience: 4
rows:
  - {id: MTL^fo, set: {loss.gamma: 2}}
  - {id: MTL+R^sem, set: {loss.lambda_aux: 1, loss.alpha_sem: 1, loss.alpha_co: 0, loss.alpha_slf: 0}}
"""
SEARCH = ("search", "grid.yaml", "--sampler", "grid", "--final-runs", "2", "--concurrent", "2")
ABLATE = ("ablate", "rows.yaml")


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return collection.weave(tmp_path_factory.mktemp("woven") / "sample", 120, 0)


@dataclass
class Bench:
    """A folder with a space and an ablation table, in which silktune runs."""

    folder: Path
    table: Path
    command: tuple[str, ...] = SEARCH
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def study(self) -> Path:
        return self.folder / "runs" / "study"

    def start(self, *words: str, root: str = "runs") -> subprocess.Popen[str]:
        """Begin the command on the sample data, as the leader of a process group of its own."""
        for name, text in (("grid.yaml", GRID), ("rows.yaml", ROWS)):
            if not (self.folder / name).exists():
                (self.folder / name).write_text(text, encoding="utf-8")
        options = ("--data", str(self.table), "--device", "cpu", "--name", "study", "--root", root)
        return self._begin(*self.command, *options, *words)

    def run(self, *words: str, root: str = "runs") -> tuple[int, str]:
        """Run the command to its end: exit status and what it printed."""
        return _end(self.start(*words, root=root))

    def silktune(self, *words: str, uri: str = "") -> tuple[int, str]:
        """Run another command of silktune to its end, with MLflow at an address."""
        return _end(self._begin(*words, uri=uri))

    def _begin(self, *words: str, uri: str = "") -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "silktune", *words], cwd=self.folder, text=True, encoding="utf-8",
            start_new_session=True,
            env=os.environ | {"COLUMNS": "120", "MLFLOW_TRACKING_URI": uri},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.started.append(process)
        return process

    def outcomes(self, root: str = "runs") -> dict[str, Any]:
        """Every outcome, without the times that it took."""
        files = sorted((self.folder / root / "study" / "outcomes").glob("[!.]*.json"))
        return {file.stem: _timeless(json.loads(file.read_text(encoding="utf-8"))) for file in files}

    def end(self) -> None:
        """End whatever is left of what was started here."""
        for process in self.started:
            for child in [*_children(process.pid)]:
                child.kill()
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _end(process: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = process.communicate(timeout=LIMIT)
    return process.returncode, output


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _timeless(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _timeless(value) for key, value in content.items() if key != "seconds"}
    return [_timeless(item) for item in content] if isinstance(content, list) else content


def wait_for(files: str, folder: Path, count: int, process: subprocess.Popen[str]) -> None:
    """Until so many files are there; the process must be running still."""
    end = time.monotonic() + LIMIT
    while len(list(folder.glob(files))) < count:
        assert time.monotonic() < end, f"no {files} after {LIMIT} s"
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)


def runs_of(bench: Bench, root: str = "runs") -> list[mlflow.entities.Run]:
    """Every run in MLflow's store."""
    client = mlflow.MlflowClient(f"sqlite:///{bench.folder / root / 'mlflow.db'}")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return list(client.search_runs(experiments, max_results=1000))


def by_trial(bench: Bench, root: str = "runs") -> dict[str, list[mlflow.entities.Run]]:
    found: dict[str, list[mlflow.entities.Run]] = {}
    for run in runs_of(bench, root):
        if trial := run.data.tags.get("silktune.trial"):
            found.setdefault(trial, []).append(run)
    return found


def beyond_loopback(process: psutil.Process) -> list[str]:
    """Where a process and all that it has started listen, but for this machine alone."""
    found = []
    for one in [process, *_children(process.pid)]:
        with suppress(psutil.NoSuchProcess):
            listening = [at.laddr for at in one.net_connections("inet") if at.status == psutil.CONN_LISTEN]
            found += [f"{one.name()} {at.ip}:{at.port}" for at in listening if at.ip not in LOOPBACK]
    return found


def trains(process: psutil.Process) -> bool:
    """Whether a process is a Ray worker with a trial; Ray's workers come and go while one looks."""
    try:
        return process.cmdline()[:1] != [] and process.cmdline()[0].startswith("ray::ImplicitFunc")
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def bench(tmp_path: Path, table: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, table)
    yield made
    made.end()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, table: Path) -> Iterator[tuple[Bench, int, str]]:
    """A search over the grid that nothing disturbed, and what it printed."""
    made = Bench(tmp_path_factory.mktemp("undisturbed"), table)
    status, output = made.run()
    yield made, status, output
    made.end()
