"""`silktune search` end to end as its user gives it without saying where: on a real Ray, undisturbed and disturbed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.nodes import LAUNCHER, is_training
from tests.orchestrate.conftest import (
    LIMIT,
    ON_RAY,
    Bench,
    by_trial,
    kill_driver,
    runs_of,
    same_winner,
    wait_for,
)  # fmt: skip

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(3 * LIMIT)]

Undisturbed = tuple[Bench, int, str]


@pytest.fixture
def bench(tmp_path: Path, table: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, table, ON_RAY, "ray")
    yield made
    made.end()


def test_ends_with_a_tested_winner_and_ray_says_nothing(undisturbed_on_ray: Undisturbed) -> None:
    bench, status, output = undisturbed_on_ray
    assert status == 0, output
    assert "Test set, mean ± standard deviation over 2 runs of the winner" in output
    assert "Traceback" not in output
    assert "warn" not in output.lower(), output
    states = {name: outcome["state"] for name, outcome in bench.outcomes().items()}
    assert len(states) == 4 + 2
    assert set(states.values()) == {"finished"}
    assert by_trial(bench).keys() == states.keys()
    study = next(run for run in runs_of(bench) if run.info.run_name == "study")
    assert study.data.tags["version.ray"]
    assert not (bench.study / ".ray").exists()


@pytest.mark.cluster
def test_workers_and_drivers_that_are_killed_change_nothing(bench: Bench, undisturbed_on_ray: Undisturbed) -> None:
    """The workers in the first trials, the driver among the trials and again in the final runs."""
    folder = bench.folder / "runs/study"
    process = bench.start()
    wait_for("trials/*/checkpoint.pt", folder, 1, process)
    kill_workers(process)
    wait_for("outcomes/[!.]*.json", folder, 1, process)
    assert "its process died; it goes on from its last checkpoint" in kill_driver(process)
    process = bench.start()
    wait_for("trials/final-*/checkpoint.pt", folder, 1, process)
    kill_driver(process)
    finished = {path: path.stat().st_mtime_ns for path in (folder / "outcomes").glob("[!.]*.json")}
    assert 4 <= len(finished) < 4 + 2, "killed too late to mean anything"
    status, output = bench.run()
    assert status == 0, output
    assert {path: path.stat().st_mtime_ns for path in finished} == finished, "a finished trial was run again"
    assert bench.outcomes() == undisturbed_on_ray[0].outcomes()
    same_winner(bench, undisturbed_on_ray[0])
    assert all(len(runs) == 1 for runs in by_trial(bench).values())


def kill_workers(process: subprocess.Popen[str]) -> None:
    """End every process of a search that trains."""
    busy = [child for child in psutil.Process(process.pid).children(recursive=True) if is_training(child, LAUNCHER)]
    assert busy, "no worker runs a trial"
    for worker in busy:
        worker.kill()
