"""`silktune ablate`: which training helps, and is the difference real?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from silktune.api import defaults
from silktune.cli import options
from silktune.cli.options import (  # fmt: skip
    AddressOption,
    CacheOption,
    ConcurrentOption,
    DataOption,
    DeviceOption,
    ExecutorOption,
    GpusOption,
    ImagesOption,
    ReferenceOption,
    RetriesOption,
    RootOption,
    StorageOption,
    WorkersOption,
)
from silktune.cli.terminal.encoding import command_line


def command(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TABLE|name=value",
            help=f"An ablation table by name or file ({defaults.TABLE}), and settings that every row gets.",
            show_default=False,
        ),
    ] = None,
    data: DataOption = ...,  # type: ignore[assignment]
    images: ImagesOption = None,
    runs: Annotated[
        int | None,
        typer.Option(help="Runs of every row; more than before adds.", min=1, show_default="the table's"),
    ] = None,
    splits: Annotated[
        int | None,
        typer.Option(help="Splits of the data set, which the runs take in turn.", min=1, show_default="the table's"),
    ] = None,
    until_decided: Annotated[
        bool, typer.Option("--until-decided", help="A row stops when a difference is shown, or hardly can be.")
    ] = False,
    at_most: Annotated[
        int | None,
        typer.Option(help="With --until-decided: runs of a row at most.", min=1, show_default=str(defaults.AT_MOST)),
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Say what would be run and for how long, and run nothing.")] = (
        False
    ),
    reference: ReferenceOption = None,
    variables: Annotated[
        str | None,
        typer.Option(help="For a table of single-task networks: motif,category.", show_default="the table's"),
    ] = None,
    best_of: Annotated[
        Path | None,
        typer.Option(help="A search's folder: its winner's settings lie under the table's.", show_default="none"),
    ] = None,
    executor: ExecutorOption = defaults.EXECUTOR,
    concurrent: ConcurrentOption = defaults.CONCURRENT,
    workers: WorkersOption = defaults.WORKERS,
    gpus: GpusOption = None,
    device: DeviceOption = defaults.DEVICE,
    retries: RetriesOption = defaults.RETRIES,
    cache_gb: CacheOption = None,
    address: AddressOption = None,
    storage: StorageOption = None,
    name: Annotated[
        str | None,
        typer.Option(help="The study's folder under --root.", show_default="from table, data and settings"),
    ] = None,
    root: RootOption = defaults.ROOT,
) -> None:
    """Train every row of a table in several runs, and compare the rows on the test set.

    The same command again continues an interrupted table and runs failed cells again; with more --runs it adds to a
    finished one.
    """
    from silktune.api import ablate
    from silktune.cli.terminal import ablation_tables, tables
    from silktune.cli.terminal.console import Terminal
    from silktune.cli.terminal.study_display import StudyDisplay

    table, settings = options.split(words or [], defaults.TABLE)
    console = Terminal(long=True, highlight=False)
    with options.interruptible("What is done is kept; the same command goes on."), StudyDisplay(console) as progress:
        asked: dict[str, Any] = {
            "images": images, "runs": runs, "splits": splits, "until_decided": until_decided,
            "at_most": at_most, "reference": reference,
            "variables": options.names(variables), "best_of": best_of, "executor": executor, "concurrent": concurrent,
            "workers": workers, "gpus": gpus, "device": device, "retries": retries, "cache_gb": cache_gb,
            "address": address, "storage": storage, "name": name, "root": root, "progress": progress,
        }  # fmt: skip
        if plan:
            ablation_tables.plan(console, ablate.estimate(data, table, settings, **asked))
            return
        study = ablate.ablate(data, table, settings, **asked, command=command_line())
    ablation_tables.ablation(console, study)
    ablation_tables.where(console, study)
    console.print(study.page, markup=False, soft_wrap=True)
    tables.notes(console, study.unrecorded)
    ablation_tables.check_complete(study)
