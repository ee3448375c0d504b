"""`silktune evaluate`: a model against the labels of a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from silktune.api import defaults
from silktune.cli import options
from silktune.cli.options import DeviceOption, ImagesOption
from silktune.cli.predict import ModelArgument


def command(
    model: ModelArgument,
    table: Annotated[Path, typer.Argument(help="A label table.", metavar="TABLE")],
    images: ImagesOption = None,
    group: Annotated[
        str, typer.Option(help="A column, such as museum, by whose values metrics are told too.", metavar="COLUMN")
    ] = "",
    to: Annotated[
        Path | None, typer.Option("--to", help="Write metrics and confusion matrices here.", metavar="FOLDER")
    ] = None,
    one: Annotated[bool, typer.Option("--one", help="The best of a search's final runs, not the mean of all.")] = False,
    device: DeviceOption = defaults.DEVICE,
) -> None:
    """Compare what a model says with the labels of a table: F1 and OA with intervals, per variable and group."""
    from silktune.api.evaluate import evaluate
    from silktune.cli.data import bar
    from silktune.cli.terminal import tables
    from silktune.cli.terminal.console import Terminal
    from silktune.model import evaluation_report

    with options.interruptible("Nothing is kept of an evaluation."), bar("Predicting") as advance:
        found = evaluate(model, table, images=images, group=group, to=to, one=one, device=device, progress=advance)
    console = Terminal(long=True, highlight=False)
    for sheet in evaluation_report.sheets(found):
        tables.print_sheet(console, sheet)
    for sentence in evaluation_report.remarks(found):
        console.print(sentence, markup=False, soft_wrap=True)
    if to:
        console.print(
            f"In {to}: evaluation.md, metrics.csv, confusion matrices, reliability and coverage.",
            markup=False,
            soft_wrap=True,
        )
