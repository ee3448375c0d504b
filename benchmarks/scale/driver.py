"""silktune's driver as it is, timed; of a search only the training is another one, which sleeps."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import ray
from ray import cloudpickle
from ray.tune.execution.tune_controller import TuneController

from benchmarks.scale import training
from benchmarks.scale.clock import Clock
from silktune.core import metrics
from silktune.data.dataset import Dataset
from silktune.data.open_or_prepare import open_or_prepare
from silktune.data.sample_data import collection
from silktune.orchestrate import buffered_tracker, search, study_tracking
from silktune.orchestrate.executors.ray import RayExecutor, node_check, result_keys, trainable, tune
from silktune.orchestrate.executors.resources import Placement
from silktune.orchestrate.sampler import OptunaSource
from silktune.outcome import Epoch, Outcome, Tracker
from silktune.study import search_report
from silktune.study import space_file as spaces
from silktune.study.paths import StudyPaths
from silktune.study.plan import Plan, SearchPlan, Trial, begin
from silktune.tracking import store
from silktune.tracking.mlflow_tracker import MlflowTracker
from silktune.tracking.null_tracker import NoTracker

SMALL = {"data.image_size": 32, "net.trunk": "resnet18", "net.weights": "none"}  # nothing is trained
PATIENCE = 1800.0  # seconds; the first processes of all nodes share the cores of one machine
LOG, DRIVER, STUDY = "trials.jsonl", "driver-{}.jsonl", "study"


@dataclass(frozen=True)
class Size:
    """What is simulated."""

    nodes: int
    trials: int
    epochs: int
    seconds: float  # of a trial that is not stopped early
    mlflow: bool


def data(folder: Path, size: Size) -> Dataset:
    """A small woven data set, which gives the scores their size."""
    space = spaces.load("silknet", SMALL | {"train.max_epochs": size.epochs})
    return open_or_prepare(collection.weave(folder / "woven", 120, 0), None, space.base.data, folder / "data")


def drive(folder: Path, size: Size, address: str, start: int) -> None:
    """Search, or go on with it.

    Args:
        folder: of all that is written.
        size: of the simulation.
        address: of Ray.
        start: which start of the driver it is.
    """
    clock = Clock()
    clock.mark("start")
    _time(clock)
    clock.keep(folder / DRIVER.format(start))
    space = spaces.load("silknet", SMALL | {"train.max_epochs": size.epochs})
    found = data(folder, size)
    trainable.run = training.sleeping(_sleep(folder, size, found))
    cloudpickle.register_pickle_by_value(training)
    node_check.LIMIT = PATIENCE
    intended = SearchPlan(
        command=" ".join(sys.argv), data=found.digest, weights="none", space=space, sampler="tpe", seed=0
    )
    paths = StudyPaths(folder / STUDY)
    with paths.locked():
        plan = begin(intended, paths)
        tracker = _tracker(folder, plan, size)
        placement = Placement(size.nodes, 1, None, "cpu", 3, address)
        order = search.Order("tpe", 0, size.trials, 1, None, RayExecutor(placement))
        search.search(space, found, order, paths, tracker, _Watcher(clock))
        clock.mark("searched")
        study_tracking.write(plan, paths, tracker)
        tracker.close(failed=False)
    clock.mark("end")
    clock.write(folder / DRIVER.format(start))


def _sleep(folder: Path, size: Size, found: Dataset) -> training.Sleep:
    truth = found.labels[found.rows("validation")]
    scores = metrics.scores(truth, truth.clip(min=0), found.variables)
    keys = (result_keys.TRIAL, result_keys.EPOCH, result_keys.OUTCOME)
    return training.Sleep(size.epochs, size.seconds, scores, folder / LOG, keys)


def _tracker(folder: Path, plan: Plan, size: Size) -> Tracker:
    tracker: Tracker = NoTracker()
    if size.mlflow:
        tracker = MlflowTracker(store.uri(folder), folder, "scale", STUDY, plan.study_id)
    tracker.open({}, {})
    return tracker


def _time(clock: Clock) -> None:
    """What is waited for is no work; what is in no other part of Tune's steps is Ray Tune's."""
    clock.time("waiting for a report", ray, "wait")
    clock.time("Ray Tune", TuneController, "step")
    clock.time("Optuna: next trial", OptunaSource, "next")
    clock.time("Optuna: epochs", OptunaSource, "epoch")
    clock.time("Optuna: outcomes", OptunaSource, "outcome")
    clock.time("MLflow: trials begun", buffered_tracker.BufferedTracker, "trial")
    clock.time("MLflow: epochs", buffered_tracker.BufferedTracker, "epochs")
    clock.time("MLflow: outcomes", buffered_tracker.BufferedTracker, "outcome")
    clock.time("the study's folder", Outcome, "write")
    clock.time("silktune, the rest", tune.TuneSearcher, "suggest", "on_trial_complete")
    clock.time("silktune, the rest", tune.EpochScheduler, "on_trial_result")
    clock.time("start: the journal is read", OptunaSource, "__init__")
    clock.time("start: outcomes and MLflow are compared", search, "_catch_up")
    clock.time("start: every node is asked", node_check, "check")
    clock.time("end: importances", OptunaSource, "importances")
    clock.time("end: report", search_report, "write")
    clock.time("end: MLflow is made complete", study_tracking, "write")


class _Watcher:
    """Nobody watches; only the first trial is noted."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def started(self, trial: Trial) -> None:
        self.clock.mark("first trial")

    def epoch(self, trial: Trial, epoch: Epoch) -> None: ...

    def ended(self, trial: Trial, outcome: Outcome) -> None: ...

    def note(self, sentence: str) -> None:
        print(sentence, flush=True)

    def computing(self, done: int, total: int) -> None: ...


def _end_with_input() -> None:
    """Whoever started this process is gone."""
    sys.stdin.read()
    os._exit(1)


def main() -> None:
    """`python -m benchmarks.scale.driver FOLDER ADDRESS START NODES TRIALS EPOCHS SECONDS MLFLOW`."""
    threading.Thread(target=_end_with_input, daemon=True).start()
    folder, address, start, nodes, trials, epochs, seconds, mlflow = sys.argv[1:]
    size = Size(int(nodes), int(trials), int(epochs), float(seconds), mlflow == "True")
    drive(Path(folder), size, address, int(start))


if __name__ == "__main__":
    main()
