"""Plain tables, metrics in percent and sentences, as every command prints them."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import wrap

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from silktune.outcome import Scores
from silktune.study.document.parts import Sheet

UNBOUNDED = 10_000  # columns of a terminal: wider than any table


def notes(console: Console, sentences: Iterable[str]) -> None:
    """What a person should know, a line each."""
    for sentence in sentences:
        console.print(sentence, style="yellow", markup=False, soft_wrap=True)


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def plain_table(*columns: str | Text, title: str | Text = "") -> Table:
    """A table with its first column to the left and metrics to the right."""
    table = Table(
        box=None,
        pad_edge=False,
        header_style="bold",
        title=title or None,
        title_justify="left",
        title_style="bold",
    )
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", overflow="fold")
    return table


def scores_table(title: str, scores: Scores) -> Table:
    """F1 and OA of every variable and their means, in percent."""
    table = plain_table("", "images", "F1", "with background", "under-represented", "OA", title=f"{title} [%]")
    for v in scores.variables:
        cells = (v.f1, v.f1_with_background, v.f1_minority, v.OA)
        table.add_row(Text(v.name), str(v.labelled), *map(percent, cells))
    means = (scores.mean_f1, scores.mean_f1_with_background, scores.mean_f1_minority, scores.OA)
    table.add_row("mean", "", *map(percent, means), style="bold")
    return table


def print_sheet(console: Console, sheet: Sheet) -> None:
    """A sheet of a document, as Markdown and LaTeX have it too."""
    table = _table(sheet)
    if Measurement.get(console, console.options.update(max_width=UNBOUNDED), table).maximum > console.width:
        table = _table(sheet, narrow=True)
    console.print("", Text(sheet.title, style="bold"), table, sep="\n")
    for note in sheet.notes:
        console.print(note, style="dim", markup=False)


def _table(sheet: Sheet, *, narrow: bool = False) -> Table:
    """The cells of a sheet; in a narrow one heads break between words, and intervals after their comma."""
    texts = [[cell.text for cell in row] for row in sheet.rows]
    if narrow:
        first = sheet.labels
        texts = [[*row[:first], *(text.replace(", ", ",\n") for text in row[first:])] for row in texts]
    widest = [max(len(line) for text in column for line in text.split("\n")) for column in zip(*texts, strict=True)]
    heads = [_lines(*pair) for pair in zip(sheet.columns, widest, strict=True)] if narrow and texts else sheet.columns
    table = plain_table(*map(Text, heads))
    for column in table.columns[: sheet.labels]:
        column.justify = "left"
    for number, row in enumerate(sheet.rows):
        if number in sheet.rules:
            table.add_section()
        cells = zip(texts[number], row, strict=True)
        table.add_row(*(Text(text, style="bold" if cell.bold else "") for text, cell in cells))
    return table


def _lines(head: str, width: int) -> str:
    return "\n".join(wrap(head, max(width, 1), break_long_words=False))
