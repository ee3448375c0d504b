"""The driver's coordinator, without Ray: what is written down when, and what is never run twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from silktune.errors import ResourceError
from silktune.orchestrate.coordinator import Coordinator
from silktune.orchestrate.fixed_trials import ListSource
from silktune.outcome import Epoch, Outcome
from silktune.settings import Experiment
from silktune.storage import Storage
from silktune.study.mirror import Mirror
from silktune.study.paths import StudyPaths
from silktune.study.plan import Trial
from silktune.tracking.null_tracker import NoTracker
from tests.orchestrate.test_sampler import epoch, finished

ONE = Trial("t000", "trials", Experiment())
TWIN = Trial("t001", "trials", Experiment())
OTHER = Trial("t002", "trials", Experiment().with_({"loss.gamma": 0}))


class Notes:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def started(self, trial: Trial) -> None:
        self.seen.append(f"{trial.id} started")

    def epoch(self, trial: Trial, epoch: Epoch) -> None:
        self.seen.append(f"{trial.id} epoch {epoch.number}")

    def ended(self, trial: Trial, outcome: Outcome) -> None:
        self.seen.append(f"{trial.id} {outcome.state}")

    def note(self, sentence: str) -> None:
        self.seen.append(sentence)

    def computing(self, done: int, total: int) -> None: ...


class Stopping(ListSource):
    def epoch(self, trial: Trial, epoch: Epoch) -> bool:
        return epoch.number == 2


@pytest.fixture
def paths(tmp_path: Path) -> StudyPaths:
    return StudyPaths(tmp_path)


def coordinator(paths: StudyPaths, *trials: Trial, source: type[ListSource] = ListSource) -> tuple[Coordinator, Notes]:
    notes = Notes()
    return Coordinator(paths, "digest", NoTracker(), notes, source(trials), Mirror(paths, notes.note)), notes


def test_a_trial_is_written_down_as_it_goes(paths: StudyPaths) -> None:
    made, notes = coordinator(paths, ONE)
    assert made.next() == ONE
    assert not made.epoch("t000", epoch(1, 0.1))
    made.end("t000", finished(0.1))
    assert notes.seen == ["t000 started", "t000 epoch 1", "t000 finished"]
    assert paths.outcomes()["t000"].value == 0.1
    assert not made.running
    assert made.next() is None
    assert made.asked_all


def test_an_epoch_that_comes_again_is_not_written_again(paths: StudyPaths) -> None:
    made, notes = coordinator(paths, ONE)
    made.next()
    made.epoch("t000", epoch(1, 0.1))
    made.epoch("t000", epoch(1, 0.1))
    assert notes.seen.count("t000 epoch 1") == 1


def test_what_has_an_outcome_is_not_run(paths: StudyPaths) -> None:
    made, _ = coordinator(paths, ONE)
    made.next()
    made.end("t000", finished(0.2))
    again, notes = coordinator(paths, ONE, OTHER)
    assert again.next() == OTHER
    assert notes.seen == ["t000 finished", "t002 started"]


def test_what_failed_is_run_again(paths: StudyPaths) -> None:
    made, _ = coordinator(paths, ONE)
    made.next()
    made.end("t000", Outcome(state="failed", reason="no number"))
    assert coordinator(paths, ONE)[0].next() == ONE


def test_an_outcome_of_other_settings_is_not_taken_for_this_trial(paths: StudyPaths) -> None:
    made, _ = coordinator(paths, ONE)
    made.next()
    made.end("t000", finished(0.2))
    renamed = Trial("t000", "trials", OTHER.experiment)
    assert coordinator(paths, renamed)[0].next() == renamed


def test_equal_trials_are_run_once(paths: StudyPaths) -> None:
    made, notes = coordinator(paths, ONE, TWIN, OTHER)
    made.next()
    made.end("t000", finished(0.3))
    assert made.next() == OTHER
    assert paths.outcomes()["t001"].value == 0.3
    assert paths.outcomes()["t001"].reason == "the same settings as t000"
    assert "t001 started" not in notes.seen


def test_a_trial_that_is_stopped_ends_as_pruned_with_its_best_epoch(paths: StudyPaths) -> None:
    made, _ = coordinator(paths, ONE, source=Stopping)
    made.next()
    assert not made.epoch("t000", epoch(1, 0.1))
    assert made.epoch("t000", epoch(2, 0.2))
    outcome = paths.outcomes()["t000"]
    assert (outcome.state, outcome.best_epoch, len(outcome.epochs)) == ("pruned", 2, 2)
    assert "t000" not in made.running


def test_a_trial_that_is_stopped_has_the_best_epoch_that_it_would_have_ended_with(paths: StudyPaths) -> None:
    by_f1 = Trial("t000", "trials", Experiment().with_({"train.stop_on": "mean_f1"}))
    made, _ = coordinator(paths, by_f1, source=Stopping)
    made.next()
    losses = {"L": 1.0, "C": 1.0}
    made.epoch("t000", epoch(1, 0.3))
    made.epoch("t000", epoch(2, 0.2).model_copy(update={"validation_loss": losses}))
    outcome = paths.outcomes()["t000"]
    assert (outcome.best_epoch, outcome.stop_on, outcome.value) == (1, "mean_f1", 0.3)


def test_only_what_is_wanted_stays_of_a_trial(paths: StudyPaths) -> None:
    for keep in (False, True):
        made, _ = coordinator(paths, Trial(f"t{keep}", "trials", Experiment(), run=int(keep)))
        made.keep_models = keep
        made.next()
        folder = paths.trial(f"t{keep}")
        (folder / "model").mkdir(parents=True)
        for name in ("checkpoint.pt", "model/model.json"):
            (folder / name).touch()
        made.end(f"t{keep}", finished(0.1))
        assert (folder / "model/model.json").exists() == keep
        assert not (folder / "checkpoint.pt").exists()


def after_a_test(paths: StudyPaths, trial: str) -> Outcome:
    """The outcome of a tested run, which has left its predictions where it ran."""
    paths.place(trial).write("predictions.parquet", b"predictions")
    return finished(0.3).model_copy(update={"test": finished(0.3).validation})


def test_the_predictions_of_a_tested_run_come_with_its_outcome(tmp_path: Path) -> None:
    for keep in (False, True):
        paths = StudyPaths(tmp_path / f"{keep}", Storage.of(tmp_path / "kept"))
        made, _ = coordinator(paths, ONE)
        made.keep_models = keep
        made.next()
        made.end("t000", after_a_test(paths, "t000"))
        assert paths.predictions("t000").read_bytes() == b"predictions"
        assert list(paths.place("t000").files()) == []
        assert list((Storage.of(tmp_path / "kept") / f"{keep}").files()) == [
            "outcomes/t000.json",
            "outcomes/t000.parquet",
        ]


def test_a_trial_that_is_the_same_has_the_same_predictions(paths: StudyPaths) -> None:
    made, _ = coordinator(paths, ONE, TWIN)
    made.next()
    made.end("t000", after_a_test(paths, "t000"))
    assert made.next() is None
    assert paths.predictions("t001").read_bytes() == b"predictions"


def test_there_is_no_outcome_of_a_tested_run_without_its_predictions(paths: StudyPaths) -> None:
    made, _ = coordinator(paths, ONE)
    made.next()
    outcome = after_a_test(paths, "t000")
    paths.place("t000").remove("predictions.parquet")
    with pytest.raises(ResourceError, match=r"could not be copied.*there is no such file.*the same command goes on"):
        made.end("t000", outcome)
    assert "t000" not in paths.outcomes()


def test_the_storage_has_an_outcome_before_the_next_trial_begins(tmp_path: Path) -> None:
    storage = Storage.of(tmp_path / "kept")
    made, _ = coordinator(StudyPaths(tmp_path / "study", storage), ONE, OTHER)
    made.next()
    made.end("t000", finished(0.1))
    assert list((storage / "study").files()) == ["outcomes/t000.json"]


LEFT = ("model/frozen.safetensors", "model/model.json", "model/weights.safetensors")


def test_a_model_that_a_trial_left_in_the_storage_is_brought_here(tmp_path: Path) -> None:
    paths = StudyPaths(tmp_path / "study", Storage.of(tmp_path / "kept"))
    made, notes = coordinator(paths, ONE, TWIN)
    made.keep_models = True
    for trial in (ONE, OTHER):
        for name in ("checkpoint.pt", *LEFT):
            paths.place(trial.id).write(name, b"weights")
    made.next()
    made.end("t000", finished(0.1))
    assert all((paths.trial("t000") / name).read_bytes() == b"weights" for name in LEFT)
    assert list(paths.place("t000").files()) == sorted(LEFT)
    assert notes.seen == ["t000 started", "t000 finished"]


def test_a_model_that_cannot_be_brought_is_told_and_the_outcome_stands(tmp_path: Path) -> None:
    paths = StudyPaths(tmp_path / "study", Storage.of(tmp_path / "kept"))
    made, notes = coordinator(paths, ONE)
    made.keep_models = True
    made.next()
    made.end("t000", finished(0.1))
    assert "The model of t000 could not be copied from" in notes.seen[1]
    assert paths.outcomes()["t000"].state == "finished"
