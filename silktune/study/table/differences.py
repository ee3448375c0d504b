"""What the rows of a table say about each other: differences from the reference, and what a gain goes along with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from silktune.outcome import MEANS, VARIABLE_FIGURES
from silktune.study import statistics
from silktune.study.ablation.decisions import Decision
from silktune.study.ablation.results import Results
from silktune.study.ablation.table_model import Row
from silktune.study.statistics import Comparison


@dataclass(frozen=True)
class Difference:
    """A row against the reference, in a table of single-task networks against the reference of its variable."""

    row: Row
    reference: Row
    comparison: Comparison | None  # None: one of the two has no run, or they are the same experiment
    p_holm: float  # p after Holm over the family; nan for an exploratory metric
    tests: int  # of the family: the rows of the table, or of the row's variable
    runs: int  # per row that were compared; in a table with several splits these
    found: bool  # it is more than chance; never of an exploratory metric
    decision: Decision | None = None  # of the table's metric, where rows stop when they are decided

    @property
    def tested(self) -> bool:
        return self.comparison is not None and not math.isnan(self.comparison.p)


@dataclass(frozen=True)
class Gain:
    """A line's F1 gain per variable and its correlation with the share of labelled images (P23 §5.2)."""

    line: str
    gains: Mapping[str, float]  # variable → F1 of the line − F1 of the reference, means over their runs (`gain`)
    r: float  # Pearson's; nan with fewer than three variables
    p: float


def variables(results: Results) -> tuple[str, ...]:
    """The variables that the rows of a table predict."""
    if not any(results.table.variables):
        chosen = [row.experiment.data.variables for row in results.table.rows]
        known = (variable.name for variable in results.facts.variables)
        return tuple(name for name in known if any(not names or name in names for names in chosen))
    return results.table.variables


def means(results: Results) -> dict[str, str]:
    """The means that sheets show, each with what it is called of one variable.

    With background only where a variable has any, or the table or its paper speaks of it: else it is the F1 again.
    """
    table, name = results.table, "mean_f1_with_background"
    background = any(results.facts.variable(variable).background for variable in variables(results))
    printed = any("with_background" in metric for row in table.rows for metric in row.paper)
    shown = background or printed or table.metric == name
    return {mean: one for mean, one in zip(MEANS, VARIABLE_FIGURES, strict=True) if shown or mean != name}


def differences(results: Results, metric: str) -> list[Difference]:
    """Every line but the reference against the reference, variable by variable."""
    table, found = results.table, results.against_reference(metric)
    rows, primary = {row.id: row for row in table.rows}, metric == results.table.metric
    return [
        Difference(
            row, other, one.comparison, one.p_holm if primary else math.nan, one.tests,
            one.decision.runs if one.decision else _runs(results, row, other, metric, one.comparison),
            primary and one.found, one.decision,
        )
        for name, one in found.items()
        for row in [rows[name]]
        for other in [table.row(table.reference, row.variable)]
    ]  # fmt: skip


def gains(results: Results, metric: str = "f1") -> list[Gain]:
    """The gain in an F1 of every line but the reference; nothing with fewer than three variables."""
    names = variables(results)
    lines = [line for line in results.table.lines if line != results.table.reference]
    return [_gain(results, line, names, metric) for line in lines] if len(names) >= 3 else []


def _gain(results: Results, line: str, names: tuple[str, ...], metric: str) -> Gain:
    found = {name: gained for name in names if (gained := gain(results, line, name, metric)) is not None}
    r, p = statistics.correlation(list(found.values()), [results.facts.labelled(name) for name in found])
    return Gain(line, found, r, p)


def gain(results: Results, line: str, variable: str, metric: str) -> float | None:
    """A variable's metric of a line − that of the reference, means over their runs; None where one has no run."""
    table = results.table
    one = results.summary(table.row(line, variable), (variable, metric))
    reference = results.summary(table.row(table.reference, variable), (variable, metric))
    # rounded, so that equal gains are equal: what they differ by in the last digit correlates with nothing
    return round(one.mean - reference.mean, 12) if one and reference else None


def _runs(results: Results, row: Row, other: Row, metric: str, comparison: Comparison | None) -> int:
    values = results.by_split if results.table.splits > 1 else results.values
    a, b = values(row, metric), values(other, metric)
    return len(a.keys() & b.keys()) if comparison and comparison.test == "paired" else min(len(a), len(b))
