"""`silktune search`: from labelled images to a tested winner."""

from __future__ import annotations

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
    RegisterOption,
    RetriesOption,
    RootOption,
    StorageOption,
    WorkersOption,
)
from silktune.cli.terminal.encoding import command_line
from silktune.study.sampler_names import SAMPLERS


def command(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SPACE|name=value",
            help=f"A search space by name or file ({defaults.SPACE}), and settings to fix.",
            show_default=False,
        ),
    ] = None,
    data: DataOption = ...,  # type: ignore[assignment]
    images: ImagesOption = None,
    variables: Annotated[
        str | None,
        typer.Option(help="A search of a single-task network for each: place,time.", show_default="one for all"),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            help="Trials in all; more than before continues.", min=1, show_default=f"{defaults.TRIALS}; a grid: all"
        ),
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="Stop searching after 2h, 90m, …; then confirm, and test the winner.")
    ] = None,
    confirm: Annotated[
        int | None,
        typer.Option(
            help="Leading trials that are trained again with fresh seeds, to choose the winner by; 0: none.",
            min=0,
            show_default=f"{defaults.CONFIRM}; of a study that has a winner, as before",
        ),
    ] = None,
    final_runs: Annotated[int, typer.Option(help="Runs of the winner on the test set.", min=1)] = defaults.FINAL_RUNS,
    sampler: Annotated[str, typer.Option(help=f"{', '.join(SAMPLERS[:-1])} or {SAMPLERS[-1]}.")] = defaults.SAMPLER,
    seed: Annotated[int, typer.Option(help="Of the sampler.", min=0)] = defaults.SEED,
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
        typer.Option(help="The study's folder under --root.", show_default="from space, data and settings"),
    ] = None,
    register: RegisterOption = None,
    root: RootOption = defaults.ROOT,
) -> None:
    """Search the settings with the best validation mean F1, confirm the leading ones, train the winner and test it.

    The same command again continues an interrupted search; with more --trials it adds to a finished one.
    """
    from silktune.api.search import search
    from silktune.api.search_each import search_each
    from silktune.cli.terminal import search_tables, tables
    from silktune.cli.terminal.console import Terminal
    from silktune.cli.terminal.study_display import StudyDisplay
    from silktune.errors import TrialsFailed

    space, settings = options.split(words or [], defaults.SPACE)
    console = Terminal(long=True, highlight=False)
    asked: dict[str, Any] = {
        "images": images, "trials": trials, "time": time, "confirm": confirm, "final_runs": final_runs,
        "sampler": sampler, "seed": seed, "executor": executor, "concurrent": concurrent, "workers": workers,
        "gpus": gpus, "device": device, "retries": retries, "cache_gb": cache_gb, "address": address,
        "storage": storage, "name": name, "register": register, "root": root, "command": command_line(),
    }  # fmt: skip
    with options.interruptible("What is done is kept; the same command goes on."), StudyDisplay(console) as progress:
        if variables is None:
            studies = {"": search(data, space, settings, **asked, progress=progress)}
        else:
            studies = search_each(data, options.names(variables), space, settings, **asked, progress=progress)
    if variables is None:
        search_tables.search_report(console, studies[""])
    else:
        search_tables.single_task(console, studies)
    console.print(next(iter(studies.values())).page, markup=False, soft_wrap=True)
    failures = []
    for variable, study in studies.items():
        tables.notes(console, study.unrecorded)
        failures += [f"{variable}: {failure}" if variable else failure for failure in study.failures]
    if failures:
        raise TrialsFailed("\n".join([f"{len(failures)} trials failed; the rest is kept.", *failures[:5]]))
