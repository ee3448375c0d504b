"""What becomes of a trial whose process dies, as Ray Tune tells it; without a Ray."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from silktune.core.checkpoint import FILE as CHECKPOINT
from silktune.orchestrate.coordinator import Coordinator
from silktune.orchestrate.executors.ray import result_keys
from silktune.orchestrate.executors.ray.tune import EpochScheduler, TuneSearcher
from silktune.orchestrate.fixed_trials import ListSource
from silktune.settings import Experiment
from silktune.study.mirror import Mirror
from silktune.study.paths import StudyPaths
from silktune.study.plan import Trial
from silktune.tracking.null_tracker import NoTracker
from tests.orchestrate.test_coordinator import Notes
from tests.orchestrate.test_sampler import epoch, finished

ONE, TWO = (Trial(f"t{n:03d}", "trials", Experiment().with_({"loss.gamma": n})) for n in range(2))


class Tune:
    """What Ray Tune does with a searcher and a scheduler, a step at a time; its own ids are counted."""

    def __init__(self, folder: Path, retries: int) -> None:
        self.notes, paths = Notes(), StudyPaths(folder)
        self.coordinator = Coordinator(
            paths, "d", NoTracker(), self.notes, ListSource([ONE, TWO]), Mirror(paths, self.notes.note)
        )
        self.searcher = TuneSearcher(self.coordinator, retries, lambda name: {result_keys.TRIAL: name})
        self.scheduler = EpochScheduler(self.searcher)
        self.given: dict[str, Any] = {}

    def ask(self) -> Any:
        id = f"run{len(self.given)}"
        found = self.searcher.suggest(id)
        if isinstance(found, dict):
            self.given[found[result_keys.TRIAL]] = id
            return found[result_keys.TRIAL]
        return found

    def report(self, name: str, result: dict[str, Any]) -> str:
        decision = self.scheduler.on_trial_result(None, SimpleNamespace(config={result_keys.TRIAL: name}), result)
        if decision == TrialScheduler.STOP:
            self.searcher.on_trial_complete(self.given[name])
        return decision

    def die(self, name: str) -> None:
        self.searcher.on_trial_complete(self.given[name], error=True)


OUTCOME = {result_keys.OUTCOME: finished(0.1).model_dump_json()}


def test_a_trial_is_over_for_ray_too_when_its_outcome_is_there(tmp_path: Path) -> None:
    """Else Ray runs it again if its process dies just then."""
    tune = Tune(tmp_path, retries=3)
    assert tune.ask() == "t000"
    assert tune.report("t000", {result_keys.EPOCH: epoch(1, 0.1).model_dump_json()}) == TrialScheduler.CONTINUE
    assert tune.report("t000", OUTCOME) == TrialScheduler.STOP
    assert tune.ask() == "t001"
    tune.report("t001", OUTCOME)
    assert tune.ask() == Searcher.FINISHED


def test_a_trial_whose_process_dies_is_run_again_as_often_as_it_may(tmp_path: Path) -> None:
    tune = Tune(tmp_path, retries=2)
    assert [tune.ask(), tune.ask()] == ["t000", "t001"]
    tune.report("t000", OUTCOME)
    for _ in range(2):
        assert tune.ask() is None  # it runs still, and may have to be run again
        tune.die("t001")
        assert tune.ask() == "t001"
    tune.die("t001")
    assert tune.ask() == Searcher.FINISHED
    outcome = tune.coordinator.paths.outcomes()["t001"]
    assert (outcome.state, outcome.reason) == ("failed", "its process died 3 times (out of memory, or killed)")
    assert tune.notes.seen.count("t001: its process died; it begins anew, since it had done no epoch.") == 2


def test_a_trial_whose_process_dies_after_an_epoch_goes_on_from_it(tmp_path: Path) -> None:
    tune = Tune(tmp_path, retries=1)
    tune.ask()
    tune.coordinator.paths.place("t000").write(CHECKPOINT, b"")
    tune.die("t000")
    assert tune.notes.seen[-1] == "t000: its process died; it goes on from its last checkpoint."


@pytest.mark.parametrize("error", [OSError(36, "File name too long"), KeyError("loss")])
def test_what_ends_the_coordinator_s_work_is_known_as_it_is(tmp_path: Path, error: Exception) -> None:
    """Ray Tune makes an error of its own of it."""
    for step in ("next", "end"):
        tune = Tune(tmp_path / step, retries=0)
        tune.ask()
        setattr(tune.coordinator, step, Mock(side_effect=error))
        with pytest.raises(type(error)):
            tune.ask() if step == "next" else tune.die("t000")
        assert tune.searcher.error is error
