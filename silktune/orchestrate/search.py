"""A search from its plan to its tested winner: trials, choice, final runs, report.

Each part goes on where it stopped.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from silktune.core import loop, metrics
from silktune.data.dataset import Dataset
from silktune.errors import Interrupted, StudyError, TrialsFailed
from silktune.orchestrate.desk import Desk, Source, Watcher, close_record
from silktune.orchestrate.runner import Resources, local_ray, run_trials
from silktune.orchestrate.sampler import OptunaSource, Sampler
from silktune.outcome import Epoch, Outcome, Tracker
from silktune.settings import Runtime
from silktune.study import report
from silktune.study.choose import ranked
from silktune.study.paths import StudyPaths
from silktune.study.plan import Trial, final_group
from silktune.study.report import SearchReport
from silktune.study.space import Space


@dataclass(frozen=True)
class Order:
    """How much to search and on what; it changes a trial's numbers by no more than rounding (its CPU threads)."""

    sampler: Sampler
    seed: int
    trials: int | None
    concurrent: int
    final_runs: int
    device: str
    seconds: float | None


class ListSource:
    """Hands out trials that are known beforehand, each once."""

    def __init__(self, trials: Iterable[Trial]) -> None:
        self.waiting = deque(trials)
        self.outcomes: dict[str, Outcome] = {}

    def next(self) -> Trial | None:
        return self.waiting.popleft() if self.waiting else None

    def epoch(self, trial: Trial, epoch: Epoch) -> bool:
        """Never stopped early."""
        return False

    def outcome(self, trial: Trial, outcome: Outcome) -> None:
        self.outcomes[trial.id] = outcome


def search(
    space: Space, data: Dataset, order: Order, paths: StudyPaths, tracker: Tracker, watcher: Watcher
) -> SearchReport:
    """Run a search, or what is left of it.

    Raises:
        SilktuneError: nothing can be trained so.
        TrialsFailed: no trial finished.
        Interrupted: the time is over, or a person stopped it.
    """
    loop.check(space.base, Runtime(device=order.device), data)
    source = OptunaSource(paths, space, order.sampler, order.seed, order.trials)
    _catch_up(source.ended(), paths, tracker, data.digest)
    deadline = None if order.seconds is None else time.monotonic() + order.seconds

    def run(asked: Source, *, test: bool) -> None:
        desk = Desk(paths, data.digest, tracker, watcher, asked, keep_models=test)
        desk.twins = {} if test else _finished(source.ended(), paths, data.digest)
        resources = Resources.share(order.concurrent, order.device)
        left = None if deadline is None or test else max(1.0, deadline - time.monotonic())
        run_trials(desk, str(data.folder.absolute()), resources, order.device, test=test, seconds=left)
        over = not test and deadline is not None and time.monotonic() >= deadline
        if not over and (desk.running or not desk.asked_all):
            during = f" during {', '.join(sorted(desk.running))}" if desk.running else ""
            raise Interrupted(f"Interrupted{during}. What is done is kept; the same command goes on.")

    with ExitStack() as stack:
        if source.more():
            stack.enter_context(local_ray())
            run(source, test=False)
        outcomes = {trial.id: (trial, Outcome.read(paths.outcome(trial.id))) for trial in source.ended()}
        winner = outcomes[_ranking(outcomes)[0]][0]
        finals = ListSource(final_runs(winner, order.final_runs))
        if len(_finished(finals.waiting, paths, data.digest)) < len(finals.waiting):
            stack.enter_context(local_ray())
            run(finals, test=True)
        else:
            finals.outcomes = _catch_up(finals.waiting, paths, tracker, data.digest)
    found = SearchReport(
        name=paths.folder.name, question=space.question, trials=outcomes, ranking=_ranking(outcomes),
        searched=[dimension.name for dimension in space.dimensions], finals=finals.outcomes,
        floor=_floor(loop.view(data, space.base)), importances=source.importances(),
    )  # fmt: skip
    report.write(found, paths)
    return found


def final_runs(winner: Trial, runs: int) -> list[Trial]:
    """The winner, to be trained again with seeds that the search did not use (it used run 0), and tested."""
    group = final_group(winner)
    return [Trial(f"{group}-run{r}", group, winner.experiment, r) for r in range(1, runs + 1)]


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


def _catch_up(trials: Iterable[Trial], paths: StudyPaths, tracker: Tracker, digest: str) -> dict[str, Outcome]:
    """The outcomes of trials that are done; what a crash left out of MLflow is made up for."""
    outcomes = {}
    for trial in trials:
        path = paths.outcome(trial.id)
        if not path.exists():
            raise StudyError(
                f"{path} is missing, though the study's journal says that {trial.id} is done. "
                "Put it back, or give another --name."
            )
        outcomes[trial.id] = Outcome.read(path)
        close_record(tracker, trial, outcomes[trial.id], digest)
    return outcomes


def _finished(trials: Iterable[Trial], paths: StudyPaths, digest: str) -> dict[str, str]:
    """Fingerprint → trial, for the trials that finished."""
    outcomes = paths.outcomes()
    return {t.fingerprint(digest): t.id for t in trials if t.id in outcomes and outcomes[t.id].state == "finished"}


def _floor(data: Dataset) -> float:
    """The mean F1 on the test set of always naming the largest class of the training set."""
    train, rows = data.labels[data.rows("train")], data.rows("test")
    largest = [np.bincount(train[train[:, m] >= 0, m]).argmax() for m in range(train.shape[1])]
    named = np.tile(np.array(largest, dtype=np.int64), (len(rows), 1))
    return metrics.scores(data.labels[rows], named, data.variables).mean_f1
