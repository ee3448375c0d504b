"""How metrics, differences and p-values are written in the cells of a table."""

from __future__ import annotations

import math
from collections.abc import Sequence

from silktune.outcome import Name
from silktune.study.ablation.results import Results
from silktune.study.ablation.table_model import Row
from silktune.study.document.latex import PAPER
from silktune.study.document.parts import Cell, Column
from silktune.study.statistics import SIGNIFICANCE

NONE = "–"
RARE = "†"  # beside the name of an under-represented class


def metric_cells(results: Results, rows: Sequence[Row], metric: Name) -> list[Cell]:
    """A metric of rows, in bold those that cannot be told from the best of their variable."""
    ps = results.against_best(rows, metric)
    return [_metric_cell(metric_text(results, row, metric), ps.get(row.id)) for row in rows]


def _metric_cell(text: str, p: float | None) -> Cell:
    """A metric whose row is told from the best with this p; None: it was not judged."""
    return Cell(text) if p is None else Cell(text, bold=not p < SIGNIFICANCE, untested=math.isnan(p))


def metric_text(results: Results, row: Row, metric: Name) -> str:
    """Mean ± standard deviation in percent, with n where there are not as many runs as in the table."""
    metric_over_runs = results.summary(row, metric)
    if metric_over_runs is None:
        return NONE
    n = metric_over_runs.n
    return f"{metric_over_runs}" if n == results.runs else f"{metric_over_runs} (n = {n})"


def paper_column(printed: Sequence[tuple[Row, str]]) -> list[Column]:
    """What the paper prints for these metrics of these rows: a column, or none where it prints nothing."""
    cells = [Cell(str(row.paper[metric]) if metric in row.paper else "") for row, metric in printed]
    return [Column(PAPER, cells)] if any(cell.text for cell in cells) else []


def p_text(p: float) -> str:
    """A p-value as papers print it."""
    return NONE if math.isnan(p) else "<0.001" if p < 0.001 else f"{p:.3f}"


def points(share: float, *, sign: bool = False) -> str:
    """A difference of shares in percentage points; no sign at what is rounded to nothing."""
    text = f"{100 * share:{'+' if sign else ''}.2f}"
    return "0.00" if float(text) == 0 else text.replace("-", "−")


def runs_text(n: int) -> str:
    return "1 run" if n == 1 else f"{n} runs"


def legend(results: Results, columns: Sequence[Column], within: str) -> list[str]:
    """What the metrics of a sheet are and what its signs mean; `within`: among what the best was looked for."""
    cells = [cell for column in columns for cell in column.cells]
    said = [f"Mean ± standard deviation over {runs_text(results.runs)} on the test set."]
    if any(column.head == PAPER for column in columns) and results.table.paper:
        said.append(f"Paper: {results.table.paper}.")
    if any(cell.bold for cell in cells):
        untested = ", or no test is possible" * any(cell.untested for cell in cells)
        said.append(f"Bold: not separable from the best {within} (p ≥ 0.05 after Holm{untested}).")
    if any("(n = " in cell.text for cell in cells):
        said.append(f"(n = …): the mean of so many runs instead of {results.runs}.")
    if any(cell.text == NONE for cell in cells):
        said.append(f"{NONE}: no finished run, or not defined.")
    return said
