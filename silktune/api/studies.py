"""Studies as they lie in their folders, finished, interrupted or at work; reading one changes nothing in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Literal

import pandas as pd

from silktune.api import frames
from silktune.outcome import Outcome
from silktune.study import ablation_folder
from silktune.study import plan as plans
from silktune.study.ablation.results import Results
from silktune.study.baselines import Baselines
from silktune.study.metadata import Metadata
from silktune.study.paths import StudyPaths
from silktune.study.plan import SearchPlan, Trial, final_group
from silktune.study.search_report import SearchReport
from silktune.study.selection import Selection, choose
from silktune.study.table import csv_tables

State = Literal["finished", "interrupted", "running"]
SHOWN = 10  # rows in a notebook


@dataclass(frozen=True, eq=False, repr=False)
class SearchStudy:
    """A search."""

    folder: Path
    state: State
    trials: pd.DataFrame  # a row per trial: state, value (validation mean F1), best epoch, epochs, …, every setting
    winner: Trial | None  # by its fresh runs, where there are any, or by its value; None: no trial has finished
    test: pd.DataFrame  # a row per final run of the winner: its metrics on the test set
    confirmed: pd.DataFrame  # a row per trial that was trained again: search, mean, std, runs, shrinkage; winner first
    failures: tuple[str, ...] = ()  # of trials and other runs, with their reasons
    notes: tuple[str, ...] = ()  # what a person should know, as it was heard while it was worked on
    unrecorded: tuple[str, ...] = ()  # of these, what could not be written into its record
    page: str = ""  # how to open MLflow's page of its runs; "": it was only read
    _report: Callable[[], SearchReport | None] = lambda: None  # makes `report`

    @cached_property
    def report(self) -> SearchReport | None:
        """All that the end of the search says, with how sure the tested metrics are; None: no trial has finished.

        Raises:
            StudyError: a file of predictions is damaged, or is of another run.
        """
        return self._report()

    def __repr__(self) -> str:
        best = ""
        if self.winner:
            best = f", best {self.winner.id} with F1 {self.trials['value'][self.winner.id]:.3f}"
            if len(self.confirmed):
                best += f", {self.confirmed['mean'][self.winner.id]:.3f} in fresh runs"
        tested = f", tested in {len(self.test)} runs" if len(self.test) else ""
        return f"SearchStudy({self.folder}, {self.state}: {len(self.trials)} trials{best}{tested})"

    def _repr_html_(self) -> str:
        leading = self.trials.sort_values("value", ascending=False).head(SHOWN)
        varied = [name for name in leading.columns if "." not in name or leading[name].astype(str).nunique() > 1]
        tables = [leading[varied].to_html()]
        if len(self.test):
            tables.append(self.test.agg(["mean", "std"]).T.rename_axis("test set").to_html())
        return "".join([f"<p>{escape(repr(self))}</p>", *tables])


@dataclass(frozen=True, eq=False, repr=False)
class AblationStudy:
    """An ablation."""

    folder: Path
    state: State
    table: pd.DataFrame  # a row per row: what it changes, its runs, mean and deviation of every metric on the test set
    comparisons: pd.DataFrame  # every difference from the reference, with interval, p and p after Holm
    runs: pd.DataFrame  # every training that has ended
    metrics: pd.DataFrame  # every metric of every row, class by class, and the paper's beside it: one line each
    results: Results  # from which all of it is made
    failures: tuple[str, ...] = ()  # runs of the table that failed, with their reasons
    notes: tuple[str, ...] = ()  # what a person should know, as it was heard while it was worked on
    unrecorded: tuple[str, ...] = ()  # of these, what could not be written into its record
    page: str = ""  # how to open MLflow's page of its runs; "": it was only read

    def __repr__(self) -> str:
        return f"AblationStudy({self.folder}, {self.state}: {len(self.table)} rows, {len(self.runs)} runs)"

    def _repr_html_(self) -> str:
        compared = self.comparisons[self.comparisons["role"] == "primary"]
        means = [name for name in self.table.columns if not name.endswith(".std") and name != "same_as"]
        return f"<p>{escape(repr(self))}</p>{self.table[means].to_html()}{compared.to_html(index=False)}"


def open_study(folder: str | Path) -> SearchStudy | AblationStudy:
    """A study as it is in its folder: finished, interrupted, or worked on by another process right now.

    Raises:
        StudyError: it is none, one of another version, or a file of it is damaged.
    """
    paths = StudyPaths(Path(folder))
    plan = plans.read(paths)
    return (
        of_search(paths, plan) if isinstance(plan, SearchPlan) else of_ablation(paths, ablation_folder.results(paths))
    )


def of_search(paths: StudyPaths, plan: SearchPlan) -> SearchStudy:
    """A search as it is in its folder.

    Raises:
        StudyError: its journal or an outcome is missing or damaged.
    """
    from silktune.orchestrate.sampler import SearchedTrials
    from silktune.orchestrate.searched_report import searched_report
    from silktune.orchestrate.study_tracking import confirmed_runs, recorded_finals

    state = _state(paths)
    journal = SearchedTrials.read(paths, plan.space) if paths.journal.exists() else None
    trials = journal.trials if journal else {}
    recorded = paths.outcomes()
    outcomes = {name: recorded[name].brief() for name in trials if name in recorded}
    fresh = confirmed_runs(trials, recorded)
    choice = choose(outcomes, fresh, Selection.read(paths))
    winner = trials[choice.ranking[0]] if choice.ranking else None
    group = final_group(winner) if winner else ""
    finals = {run.id: recorded[run.id] for run in recorded_finals(trials, recorded) if run.group == group}
    searched = [dimension.name for dimension in plan.space.dimensions]
    unended = "running" if state == "running" else "interrupted"

    def report() -> SearchReport | None:
        if journal is None or winner is None:
            return None
        return searched_report(
            journal, paths, plan.data, plan.question, outcomes=outcomes, fresh=fresh, choice=choice, finals=finals,
            baselines=Baselines.read(paths.baselines),
        )  # fmt: skip

    return SearchStudy(
        paths.folder, state, frames.of_trials(trials.values(), outcomes, searched, unended), winner,
        frames.of_tests(finals), frames.of_confirmed(choice), _failures(outcomes, fresh, finals), _report=report,
    )  # fmt: skip


def _failures(*outcomes: Mapping[str, Outcome]) -> tuple[str, ...]:
    ended = {name: outcome for part in outcomes for name, outcome in part.items()}
    return tuple(f"{name}: {outcome.reason}" for name, outcome in ended.items() if outcome.state == "failed")


def of_ablation(paths: StudyPaths, results: Results) -> AblationStudy:
    """An ablation, of what its outcomes say."""
    return AblationStudy(
        paths.folder, _state(paths), frames.of_rows(results), frames.of_csv(csv_tables.comparisons_csv(results)),
        frames.of_csv(csv_tables.runs_csv(results)), frames.of_csv(csv_tables.metrics_csv(results)),
        results, tuple(results.failures()),
    )  # fmt: skip


def _state(paths: StudyPaths) -> State:
    ending = Metadata.ending(paths)
    if not ending and paths.is_locked():
        return "running"
    return "finished" if ending == "finished" else "interrupted"
