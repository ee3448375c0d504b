"""An ablation from its table to its figures: run 1 of every row, then run 2, …; each goes on where it stopped."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from silktune.core import training
from silktune.data.dataset import Dataset
from silktune.errors import SettingsError, SilktuneError, StudyError
from silktune.orchestrate import until_decided
from silktune.orchestrate.activations import StudyActivations
from silktune.orchestrate.baselines import baselines
from silktune.orchestrate.buffered_tracker import BufferedTracker
from silktune.orchestrate.coordinator import Coordinator, Watcher
from silktune.orchestrate.executors import Executor
from silktune.orchestrate.fixed_trials import ListSource, run_list
from silktune.orchestrate.study_tracking import about, open_rows
from silktune.outcome import Outcome, Tracker
from silktune.settings import Runtime
from silktune.study import ablation_folder, best_of_split
from silktune.study.ablation.results import Results
from silktune.study.ablation.table_model import Row, Table
from silktune.study.data_facts import Facts
from silktune.study.mirror import Mirror
from silktune.study.paths import StudyPaths
from silktune.study.plan import Trial


@dataclass(frozen=True)
class Order:
    """On what a table runs."""

    executor: Executor
    cache_gb: float | None = None  # that activations may take; 0: none are kept; None: half of what is free


def ablate(table: Table, data: Dataset, order: Order, paths: StudyPaths, tracker: Tracker, watcher: Watcher) -> Results:
    """Run a table that was checked, or what is left of it; its tables and figures are then in the study's folder.

    Raises:
        SilktuneError: a row was another experiment when its runs were made; or the machine fails.
        Interrupted: a person stopped it.
    """
    done = finished(table, data, paths)
    ablation_folder.keep(table, Facts.of(data), paths)
    tracker = BufferedTracker(tracker, paths, watcher.note)
    activations = StudyActivations(data, order.executor, order.cache_gb, watcher)
    with tracker.telling_beside():
        open_rows(tracker, table)
        source = ListSource([]) if table.at_most else _Rounds(table, done, paths, watcher)
        coordinator = Coordinator(
            paths, data.digest, tracker, watcher, source, Mirror(paths, watcher.note),
            activations=activations, tags=about(table),
        )  # fmt: skip
        coordinator.twins = {outcome.fingerprint: trial for trial, outcome in paths.outcomes().items() if outcome.test}
        if table.at_most:
            until_decided.run(source, coordinator, data, order.executor)
        else:
            run_list(source, coordinator, data, order.executor)
    _baselines(table, data, paths)
    found = ablation_folder.results(paths, table.reference)
    ablation_folder.publish(found, paths, figures=True)
    return found


def _baselines(table: Table, data: Dataset, paths: StudyPaths) -> None:
    """Those of the base's view of the data, with all variables that the rows have, are then in the study's folder."""
    base = table.base
    if any(table.variables):
        base = base.with_({"data.variables": list(table.variables)})
    seen = training.view(data, base).variables
    baselines(data, base, [variable.name for variable in seen], paths)


def check(table: Table, data: Dataset, device: str) -> None:
    """Find out before the start what would fail a row.

    Raises:
        SilktuneError: all complaints at once, each with its row.
        DataError: the data set has no other split, or none with all classes.
        StudyError: the base's settings were chosen on another split.
    """
    best_of_split.check(table, data)
    if table.splits > table.runs:
        raise SettingsError(f"{table.runs} runs cannot be of {table.splits} splits. Ask for as many runs, or more.")
    for split in range(1, table.splits):
        data.split_anew(table.base.data.split_seed + split)
    kinds: dict[Hashable, list[Row]] = {}
    for row in table.rows:
        data_net_train = (row.experiment.data, row.experiment.net, row.experiment.train)
        kinds.setdefault(data_net_train, []).append(row)
    complaints = []
    for rows in kinds.values():
        try:
            training.check(rows[0].experiment, Runtime(device=device), data)
        except SilktuneError as error:
            complaints.append(f"{_named(rows)}: {error}")
    if complaints:
        raise SettingsError.of(complaints)


def _named(rows: Sequence[Row]) -> str:
    names = ", ".join(f"'{row.id}'" for row in rows)
    return f"row {names}" if len(rows) == 1 else f"rows {names}"


def finished(table: Table, data: Dataset, paths: StudyPaths) -> set[str]:
    """The trials that need not be run; a study in which a row of this name was another experiment is refused.

    Raises:
        StudyError: a row was changed since its runs were made, or when to stop a row was planned otherwise.
    """
    outcomes, trials = paths.outcomes(), {trial.id: trial for trial in table.trials(table.most)}
    there = {trial: outcome for trial, outcome in outcomes.items() if trial in trials and outcome.state == "finished"}
    changed = {t.group: None for name, t in trials.items() if name in there and not _same(t, there[name], data.digest)}
    if changed:
        rows = ", ".join(f"'{row}'" for row in changed)
        raise StudyError(
            f"{paths.folder} has finished runs of the row {rows} with other settings or splits, which are not "
            "overwritten. Give the changed row another id, or this study another --name."
        )
    if there:
        ablation_folder.check_plan(table, paths)
    return set(there)


def _same(trial: Trial, outcome: Outcome, digest: str) -> bool:
    return outcome.fingerprint == trial.fingerprint(digest)


class _Rounds(ListSource):
    """All runs of a table; when a run of every row is done, the tables are written anew."""

    def __init__(self, table: Table, done: Iterable[str], paths: StudyPaths, watcher: Watcher) -> None:
        super().__init__(table.trials(table.runs))
        self.open = {run: {t.id for t in self.waiting if t.run == run} - set(done) for run in range(1, table.runs + 1)}
        self.paths, self.watcher = paths, watcher

    def outcome(self, trial: Trial, outcome: Outcome) -> None:
        super().outcome(trial, outcome)
        left = self.open[trial.run]
        if trial.id in left:
            left.discard(trial.id)
            if not left and any(self.open.values()):
                ablation_folder.publish(ablation_folder.results(self.paths), self.paths, figures=False)
                self.watcher.note(f"Run {trial.run} of every row is done: {self.paths.folder / 'table.md'} stands.")
