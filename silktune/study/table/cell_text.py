"""How metrics, differences and p-values are written in the cells of a table."""

from __future__ import annotations

import math
from collections.abc import Sequence

from silktune.outcome import Name
from silktune.study.ablation.results import Results
from silktune.study.ablation.table_model import Row, Table
from silktune.study.document.latex import PAPER
from silktune.study.document.parts import Cell, Column

NONE = "–"
BOLD = "Where all rows are equal, some row is not in bold in about 5 of 100 tables."
RARE = "†"  # beside the name of an under-represented class


def metric_cells(results: Results, rows: Sequence[Row], metric: Name) -> list[Cell]:
    """A metric of rows, in bold those that cannot be told from the best of their variable."""
    best = results.best(rows, metric)
    return [
        Cell(metric_text(results, row, metric), bold=row.id in best, untested=not best.get(row.id, True))
        for row in rows
    ]


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


def of_splits(results: Results) -> str:
    """On which images the runs were judged."""
    splits, images = results.table.splits, f"on the {results.subset} set"
    return images if splits == 1 else f"of {splits} splits, each {images} of its own"


def same(table: Table) -> list[str]:
    """Which rows show the runs of another one."""
    rows = (row for row in table.rows if row.same_as)
    return [f"{row.id} is the same experiment as {row.same_as} and shows its runs." for row in rows]


def legend(results: Results, columns: Sequence[Column], within: str) -> list[str]:
    """What the metrics of a sheet are and what its signs mean; `within`: among what the best was looked for."""
    cells = [cell for column in columns for cell in column.cells]
    said = [f"Mean ± standard deviation over {runs_text(results.runs)} {of_splits(results)}."]
    if any(column.head == PAPER for column in columns) and results.table.paper:
        said.append(f"Paper: {results.table.paper}.")
    if any(cell.bold for cell in cells):
        untested = ", or not to be judged: fewer than three runs, or runs that do not vary" * any(
            cell.untested for cell in cells
        )
        said.append(f"Bold: cannot be told from the best {within}{untested}. {BOLD}")
    if results.table.at_most:
        said.append("No row is in bold: how many runs a row has depends on what they said.")
    if any("(n = " in cell.text for cell in cells):
        said.append(f"(n = …): the mean of so many runs instead of {results.runs}.")
    if any(cell.text == NONE for cell in cells):
        said.append(f"{NONE}: no finished run, or not defined.")
    return said
