"""What the rows of a table say about each other: differences from the reference, and what a gain goes along with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from silktune.study import statistics
from silktune.study.ablation.results import Results
from silktune.study.ablation.table_model import Row
from silktune.study.statistics import Comparison


@dataclass(frozen=True)
class Difference:
    """A row against the reference, in a table of single-task networks against the reference of its variable."""

    row: Row
    reference: Row
    comparison: Comparison | None  # None: one of the two has no run, or they are the same experiment
    p_holm: float  # p after Holm over all differences of the metric
    runs: int  # per row that were compared


@dataclass(frozen=True)
class Gain:
    """A line's F1 gain per variable and its correlation with the share of labelled images (P23 §5.2)."""

    line: str
    gains: Mapping[str, float]  # variable → F1 of the line − F1 of the reference, means over their runs
    r: float  # Pearson's; nan with fewer than three variables
    p: float


def variables(results: Results) -> tuple[str, ...]:
    """The variables that the rows of a table predict."""
    if not any(results.table.variables):
        chosen = [row.experiment.data.variables for row in results.table.rows]
        known = (variable.name for variable in results.facts.variables)
        return tuple(name for name in known if any(not names or name in names for names in chosen))
    return results.table.variables


def differences(results: Results, metric: str) -> list[Difference]:
    """Every line but the reference against the reference, variable by variable: one family of tests."""
    table = results.table
    rows = [row for name in table.variables for row in table.rows if row.variable == name]
    pairs = [(row, table.row(table.reference, row.variable)) for row in rows if row.line != table.reference]
    family = results.family(pairs, metric)
    return [
        Difference(row, other, one.comparison, one.p_holm, _runs(results, row, other, metric, one.comparison))
        for row, other in pairs
        for one in [family[row.id, other.id]]
    ]


def gains(results: Results) -> list[Gain]:
    """The F1 gain of every line but the reference; nothing with fewer than three variables."""
    names = variables(results)
    lines = [line for line in results.table.lines if line != results.table.reference]
    return [_gain(results, line, names) for line in lines] if len(names) >= 3 else []


def _gain(results: Results, line: str, names: tuple[str, ...]) -> Gain:
    found = {name: gain for name in names if (gain := _difference(results, line, name)) is not None}
    r, p = statistics.correlation(list(found.values()), [results.facts.labelled(name) for name in found])
    return Gain(line, found, r, p)


def _difference(results: Results, line: str, variable: str) -> float | None:
    table = results.table
    one = results.summary(table.row(line, variable), (variable, "f1"))
    reference = results.summary(table.row(table.reference, variable), (variable, "f1"))
    # rounded, so that equal gains are equal: what they differ by in the last digit correlates with nothing
    return round(one.mean - reference.mean, 12) if one and reference else None


def _runs(results: Results, row: Row, other: Row, metric: str, comparison: Comparison | None) -> int:
    a, b = results.values(row, metric), results.values(other, metric)
    return len(a.keys() & b.keys()) if comparison and comparison.test == "paired" else min(len(a), len(b))
