"""A search from its plan to its tested winner: trials, confirmation, choice, final runs, report.

Each part goes on where it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from silktune.core import training
from silktune.data.dataset import Dataset
from silktune.errors import Interrupted, StudyError, TrialsFailed
from silktune.orchestrate.activations import StudyActivations
from silktune.orchestrate.baselines import baselines
from silktune.orchestrate.buffered_tracker import BufferedTracker
from silktune.orchestrate.coordinator import Coordinator, Watcher
from silktune.orchestrate.executors import Executor
from silktune.orchestrate.fixed_trials import ListSource, run_list
from silktune.orchestrate.sampler import OptunaSource
from silktune.orchestrate.searched_report import searched_report
from silktune.orchestrate.study_tracking import close_record, confirmed_runs
from silktune.outcome import Outcome, Tracker
from silktune.settings import Runtime
from silktune.study import search_report
from silktune.study.baselines import Baselines
from silktune.study.mirror import Mirror
from silktune.study.paths import StudyPaths
from silktune.study.plan import Trial, confirm_runs, final_runs
from silktune.study.sampler_names import Sampler
from silktune.study.search_report import SearchReport
from silktune.study.selection import RUNS, Selection, candidates, choose, ranked
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
    cache_gb: float | None = None  # that activations may take; 0: none are kept; None: half of what is free
    confirm: int = 0  # leading trials that are trained again before the winner is chosen


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
    selection = Selection(confirm=order.confirm)
    selection.write(paths)
    tracker, mirror = BufferedTracker(tracker, paths, watcher.note), Mirror(paths, watcher.note)
    activations = StudyActivations(data, order.executor, order.cache_gb, watcher)
    deadline = None if order.seconds is None else time.monotonic() + order.seconds

    with tracker.telling_beside(), ExitStack() as stack:
        finished = _catch_up(source.ended(), data.digest, paths, tracker)
        if source.more():
            activations.compute(space.trunks())
            stack.enter_context(order.executor.open())
            coordinator = Coordinator(paths, data.digest, tracker, watcher, source, mirror, activations=activations)
            coordinator.twins = finished
            left = None if deadline is None else max(1.0, deadline - time.monotonic())
            order.executor.run(coordinator, data, test=False, seconds=left)
            if deadline is None or time.monotonic() < deadline:
                coordinator.check_complete()
        outcomes = {trial.id: (trial, Outcome.read(paths.outcome(trial.id)).brief()) for trial in source.ended()}
        leading = candidates((outcomes[name][0] for name in _ranking(outcomes)), selection.confirm)
        lists = _Lists(data, order.executor, paths, tracker, watcher, mirror, activations)
        lists.run(sorted((run for trial in leading for run in confirm_runs(trial, RUNS)), key=lambda run: run.run))
        fresh = confirmed_runs({name: trial for name, (trial, _) in outcomes.items()}, paths.outcomes())
        choice = choose({name: outcome for name, (_, outcome) in outcomes.items()}, fresh, selection)
        finals = lists.run(final_runs(outcomes[choice.ranking[0]][0], order.final_runs), final=True)
    found = searched_report(
        source, paths, data.digest, space.question, outcomes={name: outcome for name, (_, outcome) in outcomes.items()},
        fresh=fresh, choice=choice, finals=finals, baselines=_baselines(data, outcomes[choice.ranking[0]][0], paths),
    )  # fmt: skip
    search_report.write(found, paths)
    return found


@dataclass(frozen=True)
class _Lists:
    """Runs of trials that are known beforehand, on what the search ran on."""

    data: Dataset
    executor: Executor
    paths: StudyPaths
    tracker: BufferedTracker
    watcher: Watcher
    mirror: Mirror
    activations: StudyActivations

    def run(self, trials: Iterable[Trial], *, final: bool = False) -> dict[str, Outcome]:
        """Train what is left of them; final runs are tested, and their networks are kept."""
        source = ListSource(trials)
        coordinator = Coordinator(
            self.paths, self.data.digest, self.tracker, self.watcher, source, self.mirror,
            activations=self.activations, keep_models=final,
        )  # fmt: skip
        run_list(source, coordinator, self.data, self.executor, test=final)
        return source.outcomes


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


def _baselines(data: Dataset, winner: Trial, paths: StudyPaths) -> Baselines:
    """On the features of the winner's trunk, where these are kept."""
    view = training.view(data, winner.experiment)
    return baselines(data, winner.experiment, [variable.name for variable in view.variables], paths)
