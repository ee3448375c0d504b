"""A search from its plan to its tested winner: trials, choice, final runs, report.

Each part goes on where it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from silktune.core import metrics, training
from silktune.data.dataset import Dataset
from silktune.errors import Interrupted, StudyError, TrialsFailed
from silktune.orchestrate.buffered_tracker import BufferedTracker
from silktune.orchestrate.coordinator import Coordinator, Watcher
from silktune.orchestrate.executors import Executor
from silktune.orchestrate.fixed_trials import ListSource, run_list
from silktune.orchestrate.sampler import OptunaSource
from silktune.orchestrate.study_tracking import close_record
from silktune.outcome import Outcome, Tracker
from silktune.settings import Runtime
from silktune.study import search_report
from silktune.study.mirror import Mirror
from silktune.study.paths import StudyPaths
from silktune.study.plan import Trial, final_runs
from silktune.study.sampler_names import Sampler
from silktune.study.search_report import SearchReport
from silktune.study.selection import ranked
from silktune.study.space import Space


@dataclass(frozen=True)
class Order:
    """How much to search and on what; it changes a trial's numbers by no more than rounding (its CPU threads)."""

    sampler: Sampler
    seed: int
    trials: int | None
    final_runs: int
    seconds: float | None
    executor: Executor


def search(
    space: Space, data: Dataset, order: Order, paths: StudyPaths, tracker: Tracker, watcher: Watcher
) -> SearchReport:
    """Run a search, or what is left of it.

    Raises:
        SilktuneError: nothing can be trained so.
        TrialsFailed: no trial finished.
        Interrupted: the time is over, or a person stopped it.
    """
    for net in space.nets():
        training.check(space.base.model_copy(update={"net": net}), Runtime(device=order.executor.device), data)
    source = OptunaSource(paths, space, order.sampler, order.seed, order.trials)
    if order.trials and source.wanted < order.trials:
        points = (
            "1 point, so there is 1 trial"
            if source.wanted == 1
            else f"{source.wanted} points, so there are {source.wanted} trials"
        )
        watcher.note(f"--trials {order.trials}: the grid has {points}.")
    tracker, mirror = BufferedTracker(tracker, paths, watcher.note), Mirror(paths, watcher.note)
    finished = _catch_up(source.ended(), data.digest, paths, tracker)
    deadline = None if order.seconds is None else time.monotonic() + order.seconds

    with ExitStack() as stack:
        if source.more():
            stack.enter_context(order.executor.open())
            coordinator = Coordinator(paths, data.digest, tracker, watcher, source, mirror)
            coordinator.twins = finished
            left = None if deadline is None else max(1.0, deadline - time.monotonic())
            order.executor.run(coordinator, data, test=False, seconds=left)
            if deadline is None or time.monotonic() < deadline:
                coordinator.check_complete()
        outcomes = {trial.id: (trial, Outcome.read(paths.outcome(trial.id)).brief()) for trial in source.ended()}
        winner = outcomes[_ranking(outcomes)[0]][0]
        finals = ListSource(final_runs(winner, order.final_runs))
        coordinator = Coordinator(paths, data.digest, tracker, watcher, finals, mirror, keep_models=True)
        run_list(finals, coordinator, data, order.executor)
    found = SearchReport(
        name=paths.folder.name, question=space.question, trials=outcomes, ranking=_ranking(outcomes),
        searched=[dimension.name for dimension in space.dimensions], finals=finals.outcomes,
        floor=_floor(training.view(data, space.base)), importances=source.importances(),
    )  # fmt: skip
    search_report.write(found, paths)
    return found


def _ranking(outcomes: Mapping[str, tuple[Trial, Outcome]]) -> list[str]:
    ranking = ranked({name: outcome for name, (_, outcome) in outcomes.items()})
    if not outcomes:
        raise Interrupted("The time was over before a trial was done. The same command goes on.")
    if not ranking:
        reasons = sorted({outcome.reason for _, outcome in outcomes.values()})
        raise TrialsFailed(
            f"None of the {len(outcomes)} trials finished: {' | '.join(reasons[:3])} A larger --trials tries others."
        )
    return ranking


def _catch_up(trials: Iterable[Trial], digest: str, paths: StudyPaths, tracker: Tracker) -> dict[str, str]:
    """Make up for what a crash left out of MLflow about trials that are done; fingerprint → trial, if it finished."""
    finished = {}
    for trial in trials:
        path = paths.outcome(trial.id)
        if not path.exists():
            raise StudyError(
                f"{path} is missing, though the study's journal says that {trial.id} is done. "
                "Put it back, or give another --name."
            )
        outcome = Outcome.read(path)
        close_record(tracker, trial, outcome, {})
        if outcome.state == "finished":
            finished[trial.fingerprint(digest)] = trial.id
    return finished


def _floor(data: Dataset) -> float:
    """The mean F1 on the test set of always naming the largest class of the training set."""
    train, rows = data.labels[data.rows("train")], data.rows("test")
    largest = [np.bincount(train[train[:, m] >= 0, m]).argmax() for m in range(train.shape[1])]
    named = np.tile(np.array(largest, dtype=np.int64), (len(rows), 1))
    return metrics.scores(data.labels[rows], named, data.variables).mean_f1
