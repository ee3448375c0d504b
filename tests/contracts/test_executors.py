"""What every executor promises: the same figures, nothing run twice, nothing told as something else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from silktune.core import metrics, training
from silktune.data.dataset import Dataset
from silktune.data.shared_dataset import Whereabouts
from silktune.errors import ResourceError
from silktune.orchestrate.coordinator import Coordinator
from silktune.orchestrate.executors import Executor, executor
from silktune.orchestrate.executors.job import Job, job
from silktune.orchestrate.executors.job import train as train_job
from silktune.orchestrate.executors.resources import Placement
from silktune.orchestrate.fixed_trials import ListSource
from silktune.outcome import Epoch, Outcome
from silktune.settings import Experiment, Runtime
from silktune.study.mirror import Mirror
from silktune.study.paths import StudyPaths
from silktune.study.plan import Trial
from silktune.study.predictions import Predictions
from silktune.tracking.null_tracker import NoTracker
from tests.core.trainings import small, timeless
from tests.orchestrate.test_coordinator import Notes

pytestmark = pytest.mark.timeout(120)
PLACED = Placement(concurrent=1, workers=1, gpus=None, device="cpu", retries=0)


@pytest.fixture(scope="module")
def a_ray() -> Iterator[Executor]:
    """One Ray for all tests here; an executor that is opened again inside uses it."""
    made = executor("ray", PLACED)
    with made.open():
        yield made


@pytest.fixture(params=["local", pytest.param("ray", marks=pytest.mark.ray)])
def runs(request: pytest.FixtureRequest) -> Executor:
    made: Executor = request.getfixturevalue("a_ray") if request.param == "ray" else executor("local", PLACED)
    return made


def trial(name: str, **changes: object) -> Trial:
    return Trial(name, "trials", small(**changes))


def train(experiment: Experiment, data: Dataset, threads: int) -> Outcome:
    """A training by itself, with as many threads; torch has as many as before afterwards."""
    before = torch.get_num_threads()
    try:
        return timeless(training.train(experiment, Runtime(device="cpu", threads=threads), data, lambda epoch: None))
    finally:
        torch.set_num_threads(before)


def coordinator(folder: Path, data: Dataset, source: ListSource) -> tuple[Coordinator, Notes]:
    paths, notes = StudyPaths(folder), Notes()
    return Coordinator(paths, data.digest, NoTracker(), notes, source, Mirror(paths, notes.note)), notes


def test_every_epoch_and_outcome_is_told_in_order(runs: Executor, tiny: Dataset, tmp_path: Path) -> None:
    made, notes = coordinator(tmp_path, tiny, ListSource([trial("a"), trial("b", train__seed=5)]))
    with runs.open():
        runs.run(made, tiny, test=False)
    told = ["started", "epoch 1", "epoch 2", "epoch 3", "finished"]
    assert notes.seen == [f"{name} {what}" for name in "ab" for what in told]
    assert made.asked_all
    assert not made.running


def test_the_figures_are_those_of_a_training_by_itself(runs: Executor, tiny: Dataset, tmp_path: Path) -> None:
    made, _ = coordinator(tmp_path, tiny, ListSource([trial("a")]))
    with runs.open():
        runs.run(made, tiny, test=False)
        alone = train(small(), tiny, runs.resources().threads)
    found = timeless(made.paths.outcomes()["a"])
    assert (found.epochs, found.best_epoch, found.validation) == (alone.epochs, alone.best_epoch, alone.validation)


def test_the_test_set_is_seen_only_where_it_is_asked_for(runs: Executor, tiny: Dataset, tmp_path: Path) -> None:
    for test in (False, True):
        made, _ = coordinator(tmp_path / str(test), tiny, ListSource([trial("a", train__max_epochs=1)]))
        with runs.open():
            runs.run(made, tiny, test=test)
        assert (made.paths.outcomes()["a"].test is not None) == test
        assert made.paths.predictions("a").exists() == test


def test_a_tested_run_keeps_what_it_predicted(runs: Executor, tiny: Dataset, tmp_path: Path) -> None:
    made, _ = coordinator(tmp_path, tiny, ListSource([trial("a", train__max_epochs=1)]))
    with runs.open():
        runs.run(made, tiny, test=True)
    kept, rows = Predictions.read(made.paths.predictions("a"), tiny.digest), tiny.rows("test")
    assert kept.images.tolist() == tiny.samples["image"].iloc[rows].tolist()
    assert kept.records.tolist() == tiny.samples["record"].iloc[rows].tolist()
    assert all(np.allclose(each.sum(axis=1), 1) for each in kept.probabilities)
    assert metrics.scores(kept.labels, kept.predicted, tiny.variables) == made.paths.outcomes()["a"].test


class StopsAfterTwo(ListSource):
    def epoch(self, trial: Trial, epoch: Epoch) -> bool:
        return epoch.number == 2


def test_a_trial_that_is_stopped_ends_there(runs: Executor, tiny: Dataset, tmp_path: Path) -> None:
    made, notes = coordinator(tmp_path, tiny, StopsAfterTwo([trial("a", train__max_epochs=50), trial("b")]))
    with runs.open():
        runs.run(made, tiny, test=False)
    assert [made.paths.outcomes()[name].state for name in "ab"] == ["pruned", "pruned"]
    assert "a epoch 3" not in notes.seen


def test_a_training_that_fails_says_why_and_the_next_one_goes_on(runs: Executor, tiny: Dataset, tmp_path: Path) -> None:
    fails = trial("a", net__NB_RN=8, train__learning_rate=1.0)
    made, _ = coordinator(tmp_path, tiny, ListSource([fails, trial("b", train__max_epochs=1)]))
    with runs.open():
        runs.run(made, tiny, test=False)
    outcomes = made.paths.outcomes()
    assert outcomes["a"].state == "failed"
    assert outcomes["a"].reason.startswith("The loss L is nan after epoch ")
    assert outcomes["b"].state == "finished"


def test_when_the_time_is_over_a_trial_goes_on_another_time(runs: Executor, tiny: Dataset, tmp_path: Path) -> None:
    long = trial("a", train__max_epochs=5, train__patience=5)
    made, notes = coordinator(tmp_path, tiny, ListSource([long]))
    with runs.open():
        runs.run(made, tiny, test=False, seconds=0.01)
    assert "a finished" not in notes.seen
    assert "a" not in made.paths.outcomes()
    again, _ = coordinator(tmp_path, tiny, ListSource([long]))
    with runs.open():
        runs.run(again, tiny, test=False)
        alone = train(long.experiment, tiny, runs.resources().threads)
    assert timeless(again.paths.outcomes()["a"]).epochs == alone.epochs


class Breaks(ListSource):
    """Whoever is told of an outcome here fails, in a way that nobody foresaw."""

    def epoch(self, trial: Trial, epoch: Epoch) -> bool:
        raise LookupError("the coordinator's own fault")


def test_an_error_of_the_coordinator_is_not_the_training_s(runs: Executor, tiny: Dataset, tmp_path: Path) -> None:
    made, _ = coordinator(tmp_path, tiny, Breaks([trial("a")]))
    with runs.open(), pytest.raises(LookupError, match="the coordinator's own fault"):
        runs.run(made, tiny, test=False)
    assert "a" not in made.paths.outcomes()


def test_a_function_is_called_where_a_trial_would_run(runs: Executor) -> None:
    with runs.open():
        assert runs.call(_share, 7, 2) == 3
        with pytest.raises(ResourceError, match="no such machine"):
            runs.call(_fail)


def _share(things: int, among: int) -> int:
    return things // among


def _fail() -> None:
    raise ResourceError("no such machine")


def test_a_trial_has_a_thread_per_core(runs: Executor) -> None:
    with runs.open():
        each = runs.resources()
        assert (each.concurrent, each.threads) == (1, int(each.cpus))


def test_a_trial_computes_with_the_threads_of_its_resources(runs: Executor, tiny: Dataset, tmp_path: Path) -> None:
    made, _ = coordinator(tmp_path, tiny, ListSource([trial("a", train__max_epochs=2)]))
    with runs.open():
        made.next()
        threads = runs.resources().threads
        told = job(made, "a", Whereabouts.of(tiny, None), "cpu", threads, test=False)
        seen = runs.call(_threads, told)
    assert [of_torch for of_torch, _ in seen] == [threads] * 2
    assert all(blas <= threads for _, blas in seen)


def _threads(job: Job) -> list[tuple[int, int]]:
    """At the end of every epoch: the threads of torch, and the most that a library of linear algebra has."""
    found: list[tuple[int, int]] = []

    def look(epoch: Epoch) -> None:
        blas = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
        found.append((torch.get_num_threads(), max(blas, default=1)))

    train_job(job, look)
    return found


def test_torch_has_its_threads_back(tiny: Dataset, tmp_path: Path) -> None:
    before, local = torch.get_num_threads(), executor("local", PLACED)
    made, _ = coordinator(tmp_path, tiny, ListSource([trial("a", train__max_epochs=1)]))
    with local.open():
        torch.set_num_threads(before + 1)
        local.run(made, tiny, test=False)
    assert torch.get_num_threads() == before


def test_ray_address_is_for_those_who_want_a_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert executor("local", replace(PLACED, address="10.0.0.1:6379")).resources().concurrent == 1


@pytest.mark.parametrize(
    ("asked", "option"),
    [
        ({"concurrent": 2}, "--concurrent 2"),
        ({"workers": 2}, "--workers-per-trial 2"),
        ({"gpus": 0.5}, "--gpus-per-trial 0.5"),
        ({"address": "10.0.0.1:6379"}, "--address 10.0.0.1:6379"),
    ],
)
def test_what_this_process_alone_cannot_do_is_said(asked: dict[str, object], option: str) -> None:
    with pytest.raises(
        ResourceError, match=f"without a Ray: {option} cannot be. Leave it out, or take --executor ray."
    ):
        executor("local", replace(PLACED, **asked))  # type: ignore[arg-type]


def test_the_time_between_checkpoints_is_a_number_or_a_sentence(
    tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = coordinator(tmp_path, tiny, ListSource([trial("a")]))
    assert made.next() is not None
    where = Whereabouts(str(tiny.folder))
    for written, seconds in (("", 30.0), ("0", 0.0), ("5", 5.0)):
        monkeypatch.setenv("SILKTUNE_CHECKPOINT_SECONDS", written)
        assert job(made, "a", where, "cpu", 1, test=False).runtime.checkpoint_seconds == seconds
    for written in ("soon", "-1"):
        monkeypatch.setenv("SILKTUNE_CHECKPOINT_SECONDS", written)
        with pytest.raises(ResourceError, match=f"SILKTUNE_CHECKPOINT_SECONDS={written}: it may be a number"):
            job(made, "a", where, "cpu", 1, test=False)
