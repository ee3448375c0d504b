"""A tiny woven data set, a tiny grid, a tiny ablation, and silktune as a user runs it, in a process of its own.

What is about studies runs on the local executor, in which importing Ray is an error; what is about Ray on a real one.
"""

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
import yaml
from typer.testing import CliRunner

from silktune.cli.app import app
from silktune.data.sample_data import collection
from silktune.errors import SilktuneError

LOOPBACK = ("127.0.0.1", "::ffff:127.0.0.1")
LIMIT = 360  # seconds for one command; Ray fails by hanging

GRID = """
question: A grid of four trials that take seconds.
set:
  data.image_size: 32
  net.trunk: timm/test_resnet
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
    net.trunk: timm/test_resnet
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
QUICK, LONG = "timm/test_resnet", "resnet18"
LONG_GRID, LONG_ROWS = (text.replace(QUICK, LONG) for text in (GRID, ROWS))  # whose trials something may happen to
SEARCH = ("search", "grid.yaml", "--sampler", "grid", "--confirm", "2", "--final-runs", "2")
ABLATE = ("ablate", "rows.yaml")
ON_RAY = ("search", "grid.yaml", "--sampler", "grid", "--confirm", "0", "--final-runs", "2", "--concurrent", "2")
ROOT = Path(__file__).parents[2]
NO_RAY = "raise AssertionError('a study on the local executor imports Ray')\n"


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return collection.weave(tmp_path_factory.mktemp("woven") / "sample", 120, 0)


@dataclass
class Bench:
    """A folder with a space and an ablation table, in which silktune runs."""

    folder: Path
    table: Path
    command: tuple[str, ...] = SEARCH
    executor: str = "local"
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def study(self) -> Path:
        return self.folder / "runs" / "study"

    def start(self, *words: str, root: str = "runs") -> subprocess.Popen[str]:
        """Begin the command on the sample data, as the leader of a process group of its own."""
        return self._begin(*self._words(*words, root=root))

    def run(self, *words: str, root: str = "runs") -> tuple[int, str]:
        """Run the command to its end, in a process of its own: exit status and what it printed."""
        return _end(self.start(*words, root=root))

    def run_here(self, *words: str) -> tuple[int, str]:
        """The same on the local executor in this process, which has imported its libraries already."""
        return self.silktune(*self._words(*words))

    def silktune(self, *words: str, uri: str = "") -> tuple[int, str]:
        """Run any command of silktune in this process, with MLflow at an address."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            for name, value in (("COLUMNS", "120"), ("MLFLOW_TRACKING_URI", uri)):
                patch.setenv(name, value)
            result = CliRunner().invoke(app, words)
        if isinstance(result.exception, SilktuneError):
            return result.exception.exit_code, f"{result.output}{result.exception}"
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.output

    def _words(self, *words: str, root: str = "runs") -> tuple[str, ...]:
        texts = (GRID, ROWS) if self.executor == "local" else (LONG_GRID, LONG_ROWS)
        for name, text in zip(("grid.yaml", "rows.yaml"), texts, strict=True):
            if not (self.folder / name).exists():
                (self.folder / name).write_text(text, encoding="utf-8")
        options = ("--data", str(self.table), "--device", "cpu", "--name", "study", "--root", root)
        return (*self.command, *options, "--executor", self.executor, *words)

    def _begin(self, *words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "silktune", *words], cwd=self.folder, text=True, encoding="utf-8",
            start_new_session=True,
            env=os.environ | {"COLUMNS": "120", "MLFLOW_TRACKING_URI": ""} | self._no_ray(),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.started.append(process)
        return process

    def _no_ray(self) -> dict[str, str]:
        """On the local executor, variables with which `import ray` fails."""
        if self.executor != "local":
            return {}
        folder = self.folder / "no-ray"
        folder.mkdir(exist_ok=True)
        (folder / "ray.py").write_text(NO_RAY, encoding="utf-8")
        return {"PYTHONPATH": f"{folder}:{ROOT}"}

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


def same_winner(first: Bench, second: Bench) -> None:
    read = [
        yaml.safe_load((bench.folder / "runs/study/winner.yaml").read_text(encoding="utf-8"))
        for bench in (first, second)
    ]
    assert read[0] == read[1]
    reports = [(bench.folder / "runs/study/report.md").read_text(encoding="utf-8") for bench in (first, second)]
    assert reports[0] == reports[1]


def kill_driver(process: subprocess.Popen[str]) -> str:
    """End a search without a word; what was printed. Its Ray ends by itself, but two agents of it take a minute."""
    left = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    output, _ = process.communicate(timeout=LIMIT)
    _, slow = psutil.wait_procs(left, timeout=10)
    for agent in slow:
        agent.kill()
    return output


def beyond_loopback(process: psutil.Process) -> list[str]:
    """Where a process and all that it has started listen, but for this machine alone."""
    found = []
    for one in [process, *_children(process.pid)]:
        with suppress(psutil.NoSuchProcess):
            listening = [at.laddr for at in one.net_connections("inet") if at.status == psutil.CONN_LISTEN]
            found += [f"{one.name()} {at.ip}:{at.port}" for at in listening if at.ip not in LOOPBACK]
    return found


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


@pytest.fixture(scope="session")
def undisturbed_on_ray(tmp_path_factory: pytest.TempPathFactory, table: Path) -> Iterator[tuple[Bench, int, str]]:
    """The same search on a Ray, two trials at once."""
    made = Bench(tmp_path_factory.mktemp("undisturbed"), table, ON_RAY, "ray")
    status, output = made.run()
    yield made, status, output
    made.end()
