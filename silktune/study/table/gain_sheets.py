"""What metrics and gains of an ablation go along with, over its variables; no sheet with fewer than three of them.

How many images are labelled (P23 §5.2), and how unequal the classes are (P22 §5.2).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from silktune.data.statistics import ClassStatistics, class_statistics
from silktune.study import statistics
from silktune.study.ablation.results import Results
from silktune.study.document.parts import Cell, Column, Sheet
from silktune.study.table import cell_text
from silktune.study.table.cell_text import NONE
from silktune.study.table.differences import gain, gains, variables

METRICS = {"OA": "OA", "F1": "f1", "F1 under-represented": "f1_minority"}
IMBALANCES: Mapping[str, Callable[[ClassStatistics], float]] = {
    "IR": lambda of: of.IR,
    "BD": lambda of: of.BD,
    "m/K": lambda of: of.minority_share,
}


def sheets(results: Results) -> list[Sheet]:
    """The gains with the share of labelled images, with background too where there is any; then the imbalance."""
    names, table = variables(results), results.table
    if len(names) < 3:
        return []
    lines = [line for line in table.lines if line != table.reference]
    background = any(results.facts.variable(name).background for name in names)
    found = [_gains(results, "gains", "f1", "F1")] * bool(lines)
    if lines and background:
        found += [_gains(results, "gains-with-background", "f1_with_background", "F1 with background")]
    found += [_imbalance(results, "imbalance", "metrics", table.lines, lambda *of: _metric(results, *of))]
    if lines:
        of_gains = f"gains over {table.reference}"
        found += [_imbalance(results, "imbalance-gains", of_gains, lines, lambda *of: gain(results, *of))]
    return found


def _gains(results: Results, name: str, metric: str, title: str) -> Sheet:
    """Does a row help most where most images are labelled?"""
    found, names = gains(results, metric), variables(results)
    columns = [Column("experiment", [Cell("images with a label [%]"), *(Cell(one.line) for one in found)])]
    for variable in names:
        texts = [cell_text.points(one.gains[variable], sign=True) if variable in one.gains else NONE for one in found]
        columns.append(Column(variable, [Cell(f"{100 * results.facts.labelled(variable):.1f}"), *map(Cell, texts)]))
    columns += [Column("r", [Cell(""), *(Cell(_r(one.r)) for one in found)])]
    columns += [Column("p", [Cell(""), *(Cell(cell_text.p_text(one.p)) for one in found)])]
    note = (
        f"Gains: between means over runs. r: Pearson's correlation of the gains with the share of labelled images "
        f"over {len(names)} variables; p: two-sided."
    )
    whole = f"{title} gain over {results.table.reference} in percentage points, and the share of labelled images"
    return Sheet.of(name, whole, columns, [note], rules=[1])


def _imbalance(
    results: Results, name: str, what: str, lines: Sequence[str], of: Callable[[str, str, str], float | None]
) -> Sheet:
    """Do metrics or gains go along with the imbalance of the variables? `of` is of a line, a variable and a metric."""
    names = variables(results)
    classes = {name: class_statistics(results.facts.variable(name).counts) for name in names}
    columns = [Column("experiment", [Cell(line) for line in lines])]
    for title, metric in METRICS.items():
        for letters, imbalance in IMBALANCES.items():
            rs = []
            for line in lines:
                values = {name: value for name in names if (value := of(line, name, metric)) is not None}
                rs.append(_rank_correlation(list(values.values()), [imbalance(classes[name]) for name in values]))
            columns.append(Column(f"{title}, {letters}", [Cell(_r(r)) for r in rs]))
    n = len(names)
    notes = [
        f"Spearman's rank correlation over {n} variables. 1: the more unequal the classes of a variable, the larger "
        f"its {what}; −1: the smaller. IR: largest class over smallest; BD: distance from balance; m/K: share of the "
        "classes that are under-represented.",
        f"No test: of {n} variables even a perfect order, 1 or −1, comes about by chance in "
        f"{200 / math.factorial(n):.2g} % of the cases.",
    ]
    return Sheet.of(name, f"Do {what} go along with the imbalance of the classes (P22 §5.2)?", columns, notes)


def _metric(results: Results, line: str, variable: str, metric: str) -> float | None:
    summary = results.summary(results.table.row(line, variable), (variable, metric))
    return round(summary.mean, 12) if summary else None


def _rank_correlation(x: Sequence[float], y: Sequence[float]) -> float:
    from scipy.stats import rankdata

    return statistics.correlation(list(rankdata(x)), list(rankdata(y)))[0]


def _r(r: float) -> str:
    text = f"{r:.2f}"
    return NONE if math.isnan(r) else "0.00" if float(text) == 0 else text.replace("-", "−")
