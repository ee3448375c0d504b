"""An ablation whose rows stop when they are decided: a run of every open row, a look at all of them, the next run."""

from __future__ import annotations

from collections.abc import Iterator

from silktune.data.dataset import Dataset
from silktune.orchestrate.coordinator import Coordinator
from silktune.orchestrate.executors import Executor
from silktune.orchestrate.fixed_trials import ListSource, run_list
from silktune.study import ablation_folder
from silktune.study.ablation.decisions import FIRST_LOOK
from silktune.study.ablation.results import Results
from silktune.study.plan import Trial


def run(source: ListSource, coordinator: Coordinator, data: Dataset, executor: Executor) -> None:
    """Train until every row is decided or a run of it failed; the tables are written anew after every look.

    Raises:
        SilktuneError: nothing can be trained so.
        Interrupted: a person stopped it.
    """
    paths, watcher = coordinator.paths, coordinator.watcher
    trials = _next_trials(ablation_folder.results(paths), source)
    if not trials:
        return
    with executor.open():
        while trials:
            source.waiting.extend(trials)
            run_list(source, coordinator, data, executor)
            results = ablation_folder.results(paths)
            trials = _next_trials(results, source)
            if trials:
                ablation_folder.publish(results, paths, figures=False)
                watcher.note(f"{_said(results)} {paths.folder / 'table.md'} stands.")


def runs_wanted(results: Results) -> dict[str, int]:
    """Row → the run up to which the next look needs it; rows that are decided are left out."""
    wanted: dict[str, int] = {}
    for variable, decisions in results.decisions.items():
        rows = {row: max(FIRST_LOOK, of.runs + 1) for row, of in decisions.items() if of.state == "open"}
        if rows:
            wanted |= {results.table.row(results.table.reference, variable).owner: max(rows.values()), **rows}
    return wanted


def _next_trials(results: Results, source: ListSource) -> list[Trial]:
    """What the next look needs and is not there, run 1 of all rows first; nothing of a row after a run that failed."""
    table, wanted = results.table, runs_wanted(results)
    trials = [
        trial for row in table.rows if row.id in wanted for trial in _missing(results, row.id, wanted[row.id], source)
    ]
    return sorted(trials, key=lambda trial: trial.run)


def _missing(results: Results, name: str, runs: int, source: ListSource) -> Iterator[Trial]:
    table = results.table
    row = next(row for row in table.rows if row.id == name)
    for run in range(1, runs + 1):
        if run not in results.values(row, table.metric):
            trial = table.trial(row, run)
            if trial.id in source.outcomes:  # it failed, or has no such metric
                return
            yield trial


def _said(results: Results) -> str:
    """What is decided, in a sentence."""
    found = {row: of for decisions in results.decisions.values() for row, of in decisions.items()}
    looks = max(of.runs for of in found.values())
    said = [
        f"{', '.join(rows)} {what}"
        for state, what in (("found", "shown to differ"), ("given up", "no difference shown"), ("open", "open"))
        if (rows := [row for row, of in found.items() if of.state == state])
    ]
    return f"After {looks} runs: {'; '.join(said)}."
