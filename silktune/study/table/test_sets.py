"""What an ablation would find with other seeds, on another test set, with both: intervals in its sheets."""

from __future__ import annotations

from collections.abc import Sequence

from silktune.study.ablation import uncertainty
from silktune.study.ablation.results import Results
from silktune.study.ablation.table_model import Row
from silktune.study.document.parts import Cell, Column
from silktune.study.interval_text import MISSING, NO_PREDICTIONS, NONE, explained, interval_text, share_text

SOURCES = ("seeds", "test_set", "both")
HEADS = ("over seeds", "over test sets", "over both")


def mean_columns(results: Results, rows: Sequence[Row], metric: str, title: str) -> list[Column]:
    """The mean of each row in percent, with an interval for each source of chance."""
    means = [uncertainty.of_mean(results, row, metric) for row in rows]
    values = Column(title, [Cell(f"{100 * one.value:.1f}" if one else NONE) for one in means])
    texts = [[share_text(getattr(one, source) if one else None) for source in SOURCES] for one in means]
    return [values, *(Column(head, [Cell(text[i]) for text in texts]) for i, head in enumerate(HEADS))]


def difference_columns(results: Results, pairs: Sequence[tuple[Row, Row]], metric: str) -> list[Column]:
    """What stands beside the interval over seeds of each difference row − other; nothing where nothing is known."""
    found = [uncertainty.of_difference(results, row, other, metric) for row, other in pairs]
    if not any(found):
        return []
    texts = [
        [interval_text(getattr(one, source) if one else None, digits=2) for source in SOURCES[1:]] for one in found
    ]
    return [Column(head, [Cell(text[i]) for text in texts]) for i, head in enumerate(HEADS[1:])]


def notes(results: Results, beside: str = "") -> list[str]:
    """How to read them; nothing before the first run, nor of several splits (`Results.resampled`).

    `beside`: what other columns are over seeds.
    """
    if results.table.splits > 1:
        return []
    if results.resampled.runs:
        return [f"{beside}{explained(results.resampled.records)}"]
    return [NO_PREDICTIONS] * any(results.scores(row) for row in results.table.rows)


def missing(columns: Sequence[Column]) -> list[str]:
    """What a cell without an interval means, where there is one."""
    return [MISSING] * any(cell.text == NONE for column in columns for cell in column.cells)
