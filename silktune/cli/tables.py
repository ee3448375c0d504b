"""What people see of an ablation: its plan, its tables, where the rest lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from silktune.cli.show import plain_table
from silktune.errors import TrialsFailed
from silktune.study import publish
from silktune.study.paths import StudyPaths
from silktune.study.results import Results
from silktune.study.sheets import Sheet, sheets

if TYPE_CHECKING:
    from silktune.orchestrate.estimate import Estimate

SHOWN = ("rows", "differences-mean_f1")  # in the terminal; table.md has all


def ablation(console: Console, found: Results) -> None:
    """The sheets that answer the question; the others are in table.md."""
    for sheet in sheets(found):
        if sheet.name in SHOWN:
            _print(console, sheet)


def _print(console: Console, sheet: Sheet) -> None:
    table = plain_table(*map(escape, sheet.columns), title=escape(sheet.title))
    for number, row in enumerate(sheet.rows):
        if number in sheet.rules:
            table.add_section()
        table.add_row(*(f"[bold]{escape(cell.text)}[/]" if cell.bold else escape(cell.text) for cell in row))
    console.print("", table)
    for note in sheet.notes:
        console.print(note, style="dim", markup=False)


def plan(console: Console, estimate: Estimate) -> None:
    """Rows × runs, what is done, and how long the rest takes."""
    table = plain_table("row", "changes", "fingerprint", "done", "hours at most")
    for line in estimate.lines:
        table.add_row(*map(escape, (line.row, line.changes, line.fingerprint, line.done, line.hours)))
    console.print(table)
    for sentence in estimate.sentences:
        console.print(sentence, markup=False)


def where(console: Console, paths: StudyPaths) -> None:
    """Where the tables and figures are."""
    names = ", ".join(path.name for path in publish.files(paths))
    console.print(f"\nIn {paths.folder}: {names}, outcomes.", markup=False, soft_wrap=True)


def check_complete(found: Results) -> None:
    """Say which cells failed.

    Raises:
        TrialsFailed: at least one did.
    """
    if failures := found.failures():
        raise TrialsFailed("\n".join([
            f"{len(failures)} of the table's runs failed; the rest stands, and the same command runs them again.",
            *failures,
        ]))  # fmt: skip
