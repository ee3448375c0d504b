"""Trials, epochs, scores and descriptions as pandas frames. Metrics are shares in [0, 1]."""

from __future__ import annotations

import dataclasses
import io
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from silktune.data.variables import BACKGROUND
from silktune.outcome import MEANS, Outcome, Scores
from silktune.study.ablation.results import Results

if TYPE_CHECKING:
    from silktune.data.describe import Description
    from silktune.study.plan import Trial
    from silktune.study.selection import Choice

TEXTS = (  # of a file
    "row", "reference", "variable", "class", "metric", "role", "state", "reason", "fingerprint", "stop_on",
    "test", "decided",
)  # fmt: skip
COUNTS = ("run", "seed", "best_epoch", "epochs", "n")


def of_trials(
    trials: Iterable[Trial], outcomes: Mapping[str, Outcome], searched: Iterable[str], unended: str
) -> pd.DataFrame:
    """A row per trial: state, value (the validation mean F1), best epoch, epochs, seconds, reason, every setting.

    Args:
        trials: in the order in which they were begun.
        outcomes: of those that have ended.
        searched: the settings that stand first.
        unended: the state of a trial without an outcome.
    """
    rows: dict[str, dict[str, Any]] = {}
    for trial in trials:
        settings = trial.experiment.flat()
        ordered = {name: settings[name] for name in searched} | settings
        rows[trial.id] = _ending(outcomes.get(trial.id), unended) | ordered
    columns = None if rows else [*_ending(None, unended), *searched]
    return pd.DataFrame(list(rows.values()), index=pd.Index(list(rows), name="trial"), columns=columns)


def _ending(outcome: Outcome | None, unended: str) -> dict[str, Any]:
    """What the first columns say of a trial."""
    if outcome is None:
        return {"state": unended, "value": None, "best_epoch": 0, "epochs": 0, "seconds": 0.0, "reason": ""}
    return {
        "state": outcome.state, "value": outcome.value if outcome.validation else None,
        "best_epoch": outcome.best_epoch, "epochs": outcome.trained, "seconds": outcome.seconds,
        "reason": outcome.reason,
    }  # fmt: skip


def of_tests(outcomes: Mapping[str, Outcome]) -> pd.DataFrame:
    """A row per run that was tested: the means over the variables, then every variable's metrics."""
    tests = {name: outcome.test for name, outcome in outcomes.items() if outcome.test}
    rows = [_over_classes(scores) for scores in tests.values()]
    return pd.DataFrame(rows, index=pd.Index(list(tests), name="run"), columns=None if rows else list(MEANS))


def of_confirmed(choice: Choice) -> pd.DataFrame:
    """A row per trial that was trained again, the winner first: its value in the search and in fresh runs."""
    rows = [
        {"search": one.search, "mean": one.fresh.mean, "std": one.fresh.deviation, "runs": one.fresh.n,
         "shrinkage": one.shrinkage}
        for one in choice.confirmed.values()
    ]  # fmt: skip
    columns = ["search", "mean", "std", "runs", "shrinkage"]
    return pd.DataFrame(rows, index=pd.Index(list(choice.confirmed), name="trial"), columns=columns)


def _over_classes(scores: Scores) -> dict[str, float]:
    """Every metric but those of single classes, under its name in a record."""
    names = scores.names()
    return {names[parts]: value for parts, value in scores.metrics().items() if len(parts) < 3}


def of_scores(scores: Scores | None) -> pd.DataFrame:
    """A row per variable and one for their mean; no row where there are no scores."""
    columns = ["labelled", "f1", "f1_with_background", "f1_minority", "OA"]
    rows: dict[str, list[Any]] = {}
    if scores:
        rows = {v.name: [v.labelled, v.f1, v.f1_with_background, v.f1_minority, v.OA] for v in scores.variables}
        rows["mean"] = [None, *(getattr(scores, name) for name in MEANS)]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("variable")


def of_epochs(outcome: Outcome) -> pd.DataFrame:
    """A row per epoch, by its number: losses by term, validation metrics, seconds."""
    rows = [epoch.flat() for epoch in outcome.epochs]
    return pd.DataFrame(rows, index=pd.Index([epoch.number for epoch in outcome.epochs], name="epoch"))


def of_csv(text: str) -> pd.DataFrame:
    """A file of an ablation, to the last digit; a name stays text whatever it looks like."""
    frame = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    for column in frame.columns.difference(list(TEXTS)):
        numbers = [float(number) if number else math.nan for number in frame[column]]
        frame[column] = pd.Series(numbers, dtype=int if column in COUNTS else float)
    return frame


def of_rows(results: Results) -> pd.DataFrame:
    """A row per row of an ablation: what it changes, its runs, mean and deviation (`.std`) of every metric."""
    rows = {row.id: _row(results, row.id) for row in results.table.rows}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("row")


def _row(results: Results, name: str) -> dict[str, Any]:
    row = next(row for row in results.table.rows if row.id == name)
    scores = list(results.scores(row).values())
    cells: dict[str, Any] = {"changes": row.changed, "same_as": row.same_as, "runs": len(scores)}
    metrics = dict.fromkeys(metric for run in scores for metric in _over_classes(run))
    for metric in metrics:
        if summary := results.summary(row, metric):
            cells |= {metric: summary.mean, f"{metric}.std": summary.deviation}
    return cells


def of_variables(description: Description) -> pd.DataFrame:
    """A row per variable of a data set."""
    rows = {
        v.name: {
            "K": v.statistics.K, "labelled": v.statistics.total, "background": v.background,
            "minority": v.statistics.minority, "minority_share": v.statistics.minority_share,
            "IR": v.statistics.IR, "BD": v.statistics.BD,
        }
        for v in description.variables
    }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("variable")


def of_classes(description: Description) -> pd.DataFrame:
    """A row per variable and class of a data set; of a table of counts the subsets are not known."""
    rows = {}
    for v in description.variables:
        subsets = description.parts.classes[v.name] if description.parts else {}
        counts = [*zip(v.classes, v.counts, v.statistics.minority_mask, strict=True)]
        counts += [(BACKGROUND, v.background, False)] if v.background else []
        for name, images, minority in counts:
            shares = {subset: count.get(name, 0) for subset, count in subsets.items()}
            rows[v.name, name] = {"images": images, "minority": bool(minority)} | shares
    frame = pd.DataFrame(list(rows.values()))
    frame.index = pd.MultiIndex.from_tuples(list(rows), names=["variable", "class"])
    return frame


def of_triplets(description: Description) -> pd.DataFrame:
    """A row per `loss.sem_margin`: what L_sem can use of a training set."""
    usable = description.parts.usable if description.parts else {}
    rows = {margin: [shares.anchors, shares.triplets] for margin, shares in usable.items()}
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=["anchors", "triplets"])
    return frame.rename_axis("sem_margin")


def of_entries(entries: Iterable[Any], kind: str) -> pd.DataFrame:
    """A row per entry of one kind in the report of a check, its fields as columns."""
    from silktune.data.check import findings

    columns = [field.name for field in dataclasses.fields(findings.KINDS[kind])]
    return pd.DataFrame([[getattr(entry, name) for name in columns] for entry in entries], columns=columns)
