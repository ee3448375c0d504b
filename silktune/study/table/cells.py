"""A table as text in cells, and how figures, differences and p-values are written in them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from silktune.outcome import Name
from silktune.study.ablation.results import Results
from silktune.study.ablation.rows import Row
from silktune.study.statistics import SIGNIFICANCE

NONE = "–"
RARE = "†"  # beside the name of an under-represented class
PAPER = "paper"  # the head of a column with what the paper prints


@dataclass(frozen=True)
class Cell:
    text: str
    bold: bool = False
    untested: bool = False  # in bold since no test can tell it from the best: the difference does not vary


@dataclass(frozen=True)
class Column:
    head: str
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Sheet:
    """One table: as many cells in every row as there are columns."""

    name: str  # stem of a file
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...]
    labels: int = 1  # leading columns that name a row; the others hold numbers
    rules: tuple[int, ...] = ()  # a line is drawn above the rows with these numbers, counted from 0

    @classmethod
    def of(
        cls, name: str, title: str, columns: Sequence[Column], notes: Sequence[str],
        labels: int = 1, rules: Sequence[int] = (),
    ) -> Sheet:  # fmt: skip
        """The sheet with these columns."""
        rows = tuple(zip(*(column.cells for column in columns), strict=True))
        return cls(name, title, tuple(column.head for column in columns), rows, tuple(notes), labels, tuple(rules))


def figure_cells(results: Results, rows: Sequence[Row], figure: Name) -> list[Cell]:
    """A figure of rows, in bold those that cannot be told from the best of their variable."""
    ps = results.against_best(rows, figure)
    return [_figure_cell(figure_text(results, row, figure), ps.get(row.id)) for row in rows]


def _figure_cell(text: str, p: float | None) -> Cell:
    """A figure whose row is told from the best with this p; None: it was not judged."""
    return Cell(text) if p is None else Cell(text, bold=not p < SIGNIFICANCE, untested=math.isnan(p))


def figure_text(results: Results, row: Row, figure: Name) -> str:
    """Mean ± standard deviation in percent, with n where there are not as many runs as in the table."""
    found = results.figure(row, figure)
    if found is None:
        return NONE
    return f"{found}" if found.n == results.runs else f"{found} (n = {found.n})"


def paper_column(printed: Sequence[tuple[Row, str]]) -> list[Column]:
    """What the paper prints for these figures of these rows: a column, or none where it prints nothing."""
    cells = [Cell(str(row.paper[figure]) if figure in row.paper else "") for row, figure in printed]
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
    """What the figures of a sheet are and what its signs mean; `within`: among what the best was looked for."""
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
