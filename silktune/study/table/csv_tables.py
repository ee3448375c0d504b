"""An ablation as CSV, for programs: shares in [0, 1] to the last digit."""

from __future__ import annotations

import math
from collections.abc import Iterator

from silktune.data.variables import BACKGROUND
from silktune.outcome import CLASS_FIGURES, MEANS, VARIABLE_FIGURES
from silktune.study.ablation import uncertainty
from silktune.study.ablation.results import Results
from silktune.study.ablation.table_model import Row
from silktune.study.document.csv_text import csv_text
from silktune.study.statistics import runs_needed
from silktune.study.table.differences import differences, variables
from silktune.study.table.test_sets import SOURCES

VALIDATED = tuple(f"validation_{mean}" for mean in MEANS)


def metrics_csv(results: Results) -> str:
    """Every metric of every row on the test set, the paper's beside it, and the means on the validation set."""
    lines = [["row", "variable", "class", "metric", "mean", "std", "n", "paper_mean", "paper_std"]]
    for row in results.table.rows:
        for variable, name, metric in _metrics(results, row):
            over_runs = results.summary(row, tuple(part for part in (variable, name, metric) if part))
            printed = None if name else row.paper.get(f"{variable}.{metric}" if variable else metric)
            if over_runs or printed:
                ours = ["", "", "0"]
                if over_runs:
                    ours = [_exact(over_runs.mean), _exact(over_runs.deviation), str(over_runs.n)]
                paper = [_exact(printed.mean), _exact(printed.deviation)] if printed else ["", ""]
                lines.append([row.id, variable, name, metric, *ours, *paper])
        for mean, column in zip(MEANS, VALIDATED, strict=True):
            if validated := results.on_validation.summary(row, mean):
                ours = [_exact(validated.mean), _exact(validated.deviation), str(validated.n)]
                lines.append([row.id, "", "", column, *ours, "", ""])
    return csv_text(lines)


def _metrics(results: Results, row: Row) -> Iterator[tuple[str, str, str]]:
    """Variable, class and name of every metric that a row may have."""
    yield from (("", "", mean) for mean in MEANS)
    for variable in (row.variable,) if row.variable else variables(results):
        yield from ((variable, "", metric) for metric in VARIABLE_FIGURES)
        for name in (*results.facts.variable(variable).counts, BACKGROUND):
            yield from ((variable, name, metric) for metric in CLASS_FIGURES)


def comparisons_csv(results: Results) -> str:
    """Every difference from the reference that the sheets show; p_holm and runs needed of the table's metric only."""
    heads = ["row", "reference", "variable", "metric", "role", "difference", "low", "high", "p", "p_holm"]
    lines = [[*heads, "runs_needed_low", "runs_needed_high", "test", "decided", "decided_after"]]
    for metric in MEANS:
        role = "primary" if metric == results.table.metric else "exploratory"
        for one in differences(results, metric):
            if (found := one.comparison) is not None:
                numbers = map(_exact, (found.difference, found.low, found.high, found.p, one.p_holm))
                fixed = role == "primary" and not one.decision
                known = runs_needed.interval(found, one.runs, one.tests) if fixed else None
                needed = ["" if runs is None else str(runs) for runs in known or (None, None)]
                names = [one.row.id, one.reference.id, one.row.variable, metric, role]
                decided = [one.decision.state, str(one.decision.runs)] if one.decision else ["", ""]
                lines.append([*names, *numbers, *needed, found.test, *decided])
    return csv_text(lines)


def intervals_csv(results: Results) -> str:
    """Every mean, and with a reference every difference, with its intervals over seeds, test sets and both."""
    ends = [f"{source}_{end}" for source in SOURCES for end in ("low", "high")]
    lines = [["row", "reference", "variable", "metric", "value", *ends]]
    for row in results.table.rows:
        reference = results.table.row(results.table.reference, row.variable)
        for variable, name, metric in _metrics(results, row):
            if name:
                continue
            parts = tuple(part for part in (variable, metric) if part)
            for other in ("", reference.id):
                found = (
                    uncertainty.of_difference(results, row, reference, parts)
                    if other
                    else uncertainty.of_mean(results, row, parts)
                )
                if found:
                    intervals = (getattr(found, source) for source in SOURCES)
                    numbers = [_exact(end) for interval in intervals for end in (interval.low, interval.high)]
                    lines.append([row.id, other, variable, metric, _exact(found.value), *numbers])
    return csv_text(lines)


def runs_csv(results: Results) -> str:
    """Every training that has an outcome; epochs: all that it was trained for, the best one by `train.stop_on`."""
    heads = ["row", "run", "seed", "state", "reason", "fingerprint", "stop_on", "best_epoch", "epochs"]
    lines = [[*heads, *MEANS, *VALIDATED]]
    for row in (row for row in results.table.rows if not row.same_as):
        for run in range(1, results.most_runs + 1):
            trial = results.table.trial(row, run)
            if outcome := results.outcomes.get(trial.id):
                ended = [outcome.state, outcome.reason, outcome.fingerprint, trial.experiment.train.stop_on]
                epochs = [str(outcome.best_epoch), str(outcome.trained)]
                scores = (outcome.test, outcome.validation)
                metrics = [_exact(getattr(one, mean, None)) for one in scores for mean in MEANS]
                lines.append([row.id, str(run), str(trial.seeded().train.seed), *ended, *epochs, *metrics])
    return csv_text(lines)


def _exact(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else repr(value)
