"""A sheet with a row of the table in every line."""

from __future__ import annotations

from collections.abc import Sequence

from silktune.study.ablation.table_model import Row
from silktune.study.document.parts import Cell, Column, Sheet


def by_row(name: str, title: str, rows: Sequence[Row], columns: Sequence[Column], notes: Sequence[str]) -> Sheet:
    """The sheet of these rows; single-task networks stand in a block for each variable."""
    labels = [Column("experiment", [Cell(row.line) for row in rows])]
    starts = [i for i, row in enumerate(rows) if i == 0 or row.variable != rows[i - 1].variable]
    if any(row.variable for row in rows):
        names = [Cell(row.variable if i in starts else "") for i, row in enumerate(rows)]
        labels.insert(0, Column("variable", names))
    return Sheet.of(name, title, [*labels, *columns], notes, labels=len(labels), rules=starts[1:])
