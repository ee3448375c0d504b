"""What people see of an ablation: its plan, its tables, where the rest lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from silktune.cli.terminal.tables import plain_table, print_sheet
from silktune.errors import TrialsFailed
from silktune.study import ablation_folder
from silktune.study.paths import StudyPaths
from silktune.study.table import runs_planned
from silktune.study.table.ablation_sheets import sheets
from silktune.study.table.in_words import in_words

if TYPE_CHECKING:
    from silktune.api.studies import AblationStudy
    from silktune.orchestrate.estimate import Estimate


def ablation(console: Console, study: AblationStudy) -> None:
    """The sheets that answer the question; the others are in table.md."""
    shown = ("rows", f"differences-{study.results.table.metric}", "validation", "baselines")  # table.md has all
    for sheet in sheets(study.results):
        if sheet.name in shown:
            print_sheet(console, sheet)
    if words := in_words(study.results):
        console.print("\nIn words", style="bold")
        for sentence in words:
            console.print(f"- {sentence}", markup=False, soft_wrap=True)


def plan(console: Console, estimate: Estimate) -> None:
    """Rows × runs, what is done, and how long the rest takes."""
    table = plain_table("row", "changes", "fingerprint (run 1)", "done", "time")
    table.columns[1].justify = "left"
    for line in estimate.lines:
        done = f"as {line.row.same_as}" if line.row.same_as else f"{line.done}/{estimate.runs}"
        cells = (line.row.id, line.row.changed or "–", line.fingerprints[0], done, _duration(line.hours))
        table.add_row(*map(Text, cells))
    console.print(table)
    trainings = estimate.done + estimate.left
    most = "At most " * bool(estimate.results and estimate.results.table.at_most)
    said = f"{most}{trainings} trainings in {estimate.runs} runs: {estimate.done} done, {estimate.left} left."
    console.print(f"\n{said}")
    if estimate.left:
        resources = estimate.resources
        each = f"{resources.cpus:g} CPU" + (f" and {resources.gpus:g} GPU" if resources.gpus else "")
        epochs = estimate.seconds_per_epoch
        console.print(
            f"About {_duration(estimate.hours)}, {resources.concurrent} at a time with {each} each, if every one goes "
            "on to its train.max_epochs; early stopping ends most of them sooner. By a few measured steps an epoch "
            f"takes {min(epochs):.1f} to {max(epochs):.1f} s.",
            soft_wrap=True,
        )
    for sentence in runs_planned.planned(estimate.results) if estimate.results else ():
        console.print(sentence, markup=False, soft_wrap=True)
    console.print("Nothing was run.")


def _duration(hours: float) -> str:
    return f"{60 * hours:.0f} min" if hours < 1 else f"{hours:.1f} h"


def where(console: Console, study: AblationStudy) -> None:
    """Where the tables and figures are."""
    names = ", ".join(path.name for path in ablation_folder.files(StudyPaths(study.folder)))
    console.print(f"\nIn {study.folder}: {names}, outcomes.", markup=False, soft_wrap=True)


def check_complete(study: AblationStudy) -> None:
    """Say which cells failed.

    Raises:
        TrialsFailed: at least one did.
    """
    if failures := study.failures:
        raise TrialsFailed("\n".join([
            f"{len(failures)} of the table's runs failed; the rest stands, and the same command runs them again.",
            *failures,
        ]))  # fmt: skip
