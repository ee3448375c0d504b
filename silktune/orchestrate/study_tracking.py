"""What a tracker is told of a study: of each trial while it runs, and of the whole study from its folder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from silktune.outcome import MEANS, Outcome, Parts, Scores, Tracker
from silktune.study import ablation_folder
from silktune.study.ablation.results import Results
from silktune.study.ablation.table_model import Row, Table
from silktune.study.metric_summary import MetricSummary, over_runs
from silktune.study.paths import StudyPaths
from silktune.study.plan import Plan, SearchPlan, Trial, confirm_group, confirm_runs, final_group, final_runs
from silktune.study.selection import Confirmation, Selection, choose, ranked


def open_record(tracker: Tracker, trial: Trial, fingerprint: str, about: Mapping[str, str]) -> None:
    """Begin a trial's record, with tags that say what it is `about` beside its own."""
    experiment = trial.seeded()
    tags = dict(about) | {"silktune.run": str(trial.run), "silktune.seed": str(experiment.train.seed)}
    tags |= {"silktune.fingerprint": fingerprint, "mlflow.runName": trial.id}
    tracker.trial(trial.group, trial.id, experiment.flat(), tags)


def close_record(tracker: Tracker, trial: Trial, outcome: Outcome, about: Mapping[str, str]) -> None:
    """The whole record of a trial that has ended."""
    open_record(tracker, trial, outcome.fingerprint, about)
    tracker.outcome(trial.id, outcome)


def open_rows(tracker: Tracker, table: Table) -> None:
    """Begin the record of every row of an ablation."""
    for row in table.rows:
        tags = about(table) | {"silktune.row": row.id, "silktune.changes": row.changed}
        tags |= {"silktune.same_as": row.same_as} if row.same_as else {}
        tracker.group(row.id, name=row.id, params=row.experiment.flat(), tags=tags)


def about(table: Table) -> dict[str, str]:
    """Tags of everything in an ablation's record."""
    return {"silktune.question": table.question}


@dataclass
class Written:
    """What came of writing a study's record from its folder."""

    trials: int = 0
    finals: list[Trial] = field(default_factory=list)  # of a search: the winner's tested runs, best first
    metrics: dict[str, float] = field(default_factory=dict)  # of a search: the winner's
    validation: float = 0.0  # mean F1 of these runs on the validation set
    missing: list[str] = field(default_factory=list)  # what could not be written and why, in sentences
    registered: str = ""  # what came of registering its model, in a sentence


def write(plan: Plan, paths: StudyPaths, tracker: Tracker) -> Written:
    """Tell an open tracker all that a study's folder knows; what it was told before is not recorded twice.

    Raises:
        StudyError: a file of the study is missing or damaged.
        TrackingError: the store cannot be reached or written.
    """
    return _search(plan, paths, tracker) if isinstance(plan, SearchPlan) else _ablation(paths, tracker)


def _search(plan: SearchPlan, paths: StudyPaths, tracker: Tracker) -> Written:
    from silktune.orchestrate.sampler import SearchedTrials  # brings Optuna, which no trial's process needs

    written, outcomes = Written(), paths.outcomes()
    searched = SearchedTrials.read(paths, plan.space)
    finals = list(recorded_finals(searched.trials, outcomes))
    confirms = list(recorded_confirms(searched.trials, outcomes))
    trials = {trial.id: trial for trial in [*searched.trials.values(), *confirms, *finals]}
    told = _trials(trials, outcomes, {}, tracker, written)
    lost = [trial.id for trial in searched.ended() if trial.id not in outcomes]
    written.missing += [f"{paths.outcome(name)} is missing: {name} is left out." for name in lost]
    fresh = {run.id: told[run.id] for run in confirms}
    choice = choose({n: told[n] for n in searched.trials if n in told}, fresh, Selection.read(paths))
    best = {}
    for name, confirmation in choice.confirmed.items():
        trial, group = searched.trials[name], confirm_group(name)
        tracker.group(group, name=f"{group} runs", params=trial.experiment.flat(), tags={})
        tracker.summary(group, _confirmed(confirmation))
    if choice.ranking:
        winner = choice.ranking[0]
        best = {"validation.best.mean_f1": told[winner].value}
        best |= _confirmed(choice.confirmed[winner]) if choice.confirmed else {}
    for group in dict.fromkeys(trial.group for trial in finals):
        runs = {trial.id: told[trial.id] for trial in finals if trial.group == group}
        tests = [outcome.test for outcome in runs.values() if outcome.test]
        names, metrics = _names(tests), over_runs(tests)
        tracker.summary(group, _means({names[key]: metric for key, metric in metrics.items()}))
        if choice.ranking and group == final_group(searched.trials[choice.ranking[0]]):
            best |= _means({name: metrics[name,] for name in MEANS if (name,) in metrics})
            written.finals = [trials[name] for name in ranked(runs)]
            written.validation = sum(runs[trial.id].value for trial in written.finals) / max(len(written.finals), 1)
    tracker.summary("", best)
    written.metrics = best
    for path in (paths.report, paths.trials_table, paths.winner):
        if path.exists():
            tracker.artifact("", path)
    return written


def recorded_finals(trials: Mapping[str, Trial], outcomes: Mapping[str, Outcome]) -> Iterator[Trial]:
    """The final runs that have an outcome, of every trial that was a winner once."""
    most = _most_runs(outcomes)
    for trial in trials.values():
        yield from (run for run in final_runs(trial, most.get(final_group(trial), 0)) if run.id in outcomes)


def final_outcomes(paths: StudyPaths, winner: Trial) -> dict[str, Outcome]:
    """The final runs of the winner of a search that have an outcome, and what they ended with."""
    outcomes = paths.outcomes()
    return {run.id: outcomes[run.id] for run in recorded_finals({winner.id: winner}, outcomes)}


def recorded_confirms(trials: Mapping[str, Trial], outcomes: Mapping[str, Outcome]) -> Iterator[Trial]:
    """The runs with fresh seeds that have an outcome, of every trial that was among the leading ones once."""
    most = _most_runs(outcomes)
    for trial in trials.values():
        yield from (run for run in confirm_runs(trial, most.get(confirm_group(trial.id), 0)) if run.id in outcomes)


def confirmed_runs(trials: Mapping[str, Trial], outcomes: Mapping[str, Outcome]) -> dict[str, Outcome]:
    """What these runs ended with, in brief."""
    return {run.id: outcomes[run.id].brief() for run in recorded_confirms(trials, outcomes)}


def _most_runs(outcomes: Iterable[str]) -> dict[str, int]:
    """The last run of every group of runs."""
    most: dict[str, int] = {}
    for name in outcomes:
        if found := re.fullmatch(r"(.+)-run(\d+)", name):
            most[found[1]] = max(int(found[2]), most.get(found[1], 0))
    return most


def _confirmed(confirmation: Confirmation) -> dict[str, float]:
    """What the runs with fresh seeds say of a trial, beside the search."""
    fresh = confirmation.fresh
    metrics = {"search.mean_f1": confirmation.search, "confirmed.mean_f1.mean": fresh.mean}
    deviation = {"confirmed.mean_f1.std": fresh.deviation} if fresh.n > 1 else {}
    return metrics | deviation | {"shrinkage.mean_f1": confirmation.shrinkage, "confirmed.runs": float(fresh.n)}


def _ablation(paths: StudyPaths, tracker: Tracker) -> Written:
    found, written = ablation_folder.results(paths), Written()
    open_rows(tracker, found.table)
    trials = {trial.id: trial for trial in found.table.trials(found.most_runs)}
    _trials(trials, found.outcomes, about(found.table), tracker, written)
    for row in found.table.rows:
        tracker.summary(row.id, _summary(found, row))
    for path in ablation_folder.files(paths):
        tracker.artifact("", path)
    return written


def _trials(
    trials: Mapping[str, Trial],
    outcomes: Mapping[str, Outcome],
    tags: Mapping[str, str],
    tracker: Tracker,
    written: Written,
) -> dict[str, Outcome]:
    """Tell the outcomes of these trials; what was told, in brief."""
    told = {}
    for name, trial in trials.items():
        if name in outcomes:
            outcome = outcomes[name]
            close_record(tracker, trial, outcome, tags)
            told[name] = outcome.brief()
    written.trials += len(told)
    strange = [name for name in outcomes if name not in trials]
    written.missing += [f"outcomes/{name}.json: the study has no trial {name} any more; left out." for name in strange]
    return told


def _summary(found: Results, row: Row) -> dict[str, float]:
    """Mean and deviation of a row's test metrics: over the variables, and of every variable."""
    tests = list(found.scores(row).values())
    names = _names(tests, parts=2)
    metrics = {names[key]: metric for key in names if (metric := found.summary(row, key))}
    return _means(metrics) | {"runs": float(len(tests))}


def _names(tests: Sequence[Scores], parts: int = 3) -> dict[Parts, str]:
    """What the metrics of at most so many parts are called in a record."""
    names = tests[0].names() if tests else {}
    return {key: name for key, name in names.items() if len(key) <= parts}


def _means(metrics: Mapping[str, MetricSummary]) -> dict[str, float]:
    means = {f"test.{name}.mean": metric.mean for name, metric in metrics.items()}
    return means | {f"test.{name}.std": metric.deviation for name, metric in metrics.items() if metric.n > 1}
