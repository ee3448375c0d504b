"""Trials on two workers each, through Ray Train, undisturbed and disturbed; Ray fails by hanging: limits are hard."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.nodes import LAUNCHER, WORKER, is_training
from tests.orchestrate.conftest import ABLATE, LIMIT, LONG_ROWS, Bench, beyond_loopback, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(3 * LIMIT)]

TWO = ("--workers-per-trial", "2", "--runs", "1")
EXACT = ("net.dropout=0",)
SHORT = LONG_ROWS.replace(
    "  - {id: MTL^fo, set: {loss.gamma: 2}}\n", ""
)  # every trial on workers takes its time to start
FIRST, SECOND = "MTL-run1", "MTL+R-sem-run1"
PRUNED = """
question: Trials that are stopped early, when five others have come as far.
set:
  data.image_size: 32
  net.trunk: timm/test_resnet
  net.weights: none
  net.NB_RN: 1
  net.NN_jfc: [16]
  net.NN_tfc: []
  loss.lambda_aux: 0
  train.batch_size: 24
  train.max_epochs: 2
  train.patience: 2
search:
  train.learning_rate: {low: 1.0e-6, high: 1.0e-3, log: true}
first:
  P1: {train.learning_rate: 1.0e-3}
  P2: {train.learning_rate: 9.9e-4}
  P3: {train.learning_rate: 9.8e-4}
  P4: {train.learning_rate: 9.7e-4}
  P5: {train.learning_rate: 9.6e-4}
asha: {min_epochs: 1, reduction: 2}
"""


@pytest.fixture
def bench(tmp_path: Path, table: Path) -> Iterator[Bench]:
    (tmp_path / "rows.yaml").write_text(SHORT, encoding="utf-8")
    made = Bench(tmp_path, table, ABLATE, "ray")
    yield made
    made.end()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, table: Path) -> Iterator[Bench]:
    """The table on one worker per trial, with as many threads as each of two has: threads change the rounding."""
    made = Bench(tmp_path_factory.mktemp("alone"), table, ABLATE, "ray")
    (made.folder / "rows.yaml").write_text(SHORT, encoding="utf-8")
    status, output = made.run("--runs", "1", "--concurrent", "2", *EXACT)
    assert status == 0, output
    yield made
    made.end()


def losses(bench: Bench) -> dict[str, list[float]]:
    return {
        trial: [loss for epoch in outcome["epochs"] for loss in epoch["validation_loss"].values()]
        for trial, outcome in bench.outcomes().items()
    }


def assert_same(bench: Bench, other: Bench) -> None:
    """The same losses but for rounding, and the same figures on the test set."""
    found, expected = losses(bench), losses(other)
    assert found.keys() == expected.keys() == {FIRST, SECOND}
    for trial, values in found.items():
        np.testing.assert_allclose(values, expected[trial], rtol=1e-5, err_msg=trial)
        assert bench.outcomes()[trial]["test"] == other.outcomes()[trial]["test"]


def kill(name: str, process: subprocess.Popen[str]) -> None:
    """Kill the first of a driver's processes that has this name."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        for child in psutil.Process(process.pid).children(recursive=True):
            if is_training(child, name):
                child.kill()
                return
    raise AssertionError(f"no process {name}")


def test_the_outcomes_are_those_of_one_worker_whoever_is_killed(bench: Bench, alone: Bench) -> None:
    """A worker in the first trial, what launched the workers in the second. Nothing listens beyond this machine."""
    process = bench.start(*TWO, *EXACT)
    for trial, name in ((FIRST, WORKER), (SECOND, LAUNCHER)):
        wait_for(f"trials/{trial}/checkpoint.pt", bench.study, 1, process)
        assert beyond_loopback(psutil.Process(process.pid)) == []
        kill(name, process)
    output, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, output
    for trial in (FIRST, SECOND):
        assert f"{trial}: its process died; it goes on from its last checkpoint" in output
    assert_same(bench, alone)


def test_trials_that_are_stopped_early_leave_room_for_the_next(tmp_path: Path, table: Path) -> None:
    """What hung with Ray 2.60: a worker group that nobody frees."""
    bench = Bench(
        tmp_path, table, ("search", "pruned.yaml", "--confirm", "0", "--final-runs", "1", "--sampler", "random"), "ray"
    )
    (tmp_path / "pruned.yaml").write_text(PRUNED, encoding="utf-8")
    try:
        process = bench.start("--workers-per-trial", "2", "--trials", "6")
        output, _ = process.communicate(timeout=2 * LIMIT)  # seven times the start of two workers
    finally:
        bench.end()
    assert process.returncode == 0, output
    states = [
        json.loads(path.read_text(encoding="utf-8"))["state"]
        for path in sorted((bench.study / "outcomes").glob("t*.json"))
    ]
    assert states == ["finished"] * 5 + ["pruned"]  # the final run takes its room


def test_more_workers_than_there_is_room_for_is_a_sentence(bench: Bench) -> None:
    status, output = bench.run("--workers-per-trial", "100000")
    assert status == 1
    assert "A trial of 100000 workers can never be placed: Ray's nodes have" in output
