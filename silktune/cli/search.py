"""`silktune search`: from labelled images to a tested winner."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from silktune.cli.options import (  # fmt: skip
    DEVICES,
    EXECUTORS,
    STUDIES,
    AddressOption,
    ConcurrentOption,
    DataOption,
    DeviceOption,
    ExecutorOption,
    GpusOption,
    ImagesOption,
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
            metavar="SPACE|name=value",
            help="A search space by name or file (silknet), and settings to fix.",
            show_default=False,
        ),
    ] = None,
    data: DataOption = ...,  # type: ignore[assignment]
    images: ImagesOption = None,
    trials: Annotated[
        int | None,
        typer.Option(help="Trials in all; more than before continues.", min=1, show_default="20; a grid: all"),
    ] = None,
    time: Annotated[str | None, typer.Option(help="Stop searching after 2h, 90m, …; then test the winner.")] = None,
    final_runs: Annotated[int, typer.Option(help="Runs of the winner on the test set.", min=1)] = 5,
    sampler: Annotated[str, typer.Option(help="tpe, random or grid.")] = "tpe",
    seed: Annotated[int, typer.Option(help="Of the sampler.", min=0)] = 0,
    executor: ExecutorOption = "ray",
    concurrent: ConcurrentOption = 1,
    workers: WorkersOption = 1,
    gpus: GpusOption = None,
    device: DeviceOption = "auto",
    retries: RetriesOption = 3,
    address: AddressOption = None,
    storage: StorageOption = None,
    name: Annotated[
        str | None,
        typer.Option(help="The study's folder under --root.", show_default="from space, data and settings"),
    ] = None,
    root: RootOption = STUDIES,
) -> None:
    """Search the settings with the best validation mean F1, then train the winner anew and test it.

    The same command again continues an interrupted search; with more --trials it adds to a finished one.
    """
    from silktune.cli import options as language
    from silktune.cli.terminal import progress, search_tables, tables
    from silktune.cli.terminal.console import Terminal
    from silktune.errors import TrialsFailed
    from silktune.study import space_file as spaces

    wanted, overrides = language.split(words or [], "silknet")
    seconds = language.seconds(time)
    language.one_of("--sampler", sampler, ("tpe", "random", "grid"))
    language.one_of("--device", device, DEVICES)
    language.study_name(name)
    language.one_of("--executor", executor, EXECUTORS)
    space = spaces.load(wanted, overrides)
    console = Terminal(long=True, highlight=False)
    language.writable(root, "name another folder with --root")
    dataset = progress.resolve(console, data, images, space.base, root / "data")

    from silktune.api.session import Study
    from silktune.orchestrate import executors
    from silktune.orchestrate.executors.resources import Placement
    from silktune.orchestrate.search import Order, search
    from silktune.study.plan import SearchPlan

    where = executors.executor(executor, Placement(concurrent, workers, gpus, device, retries, address))
    plan = SearchPlan(
        command=shlex.join(command_line()), data=dataset.digest, weights=space.base.net.weights_digest, space=space,
        sampler=sampler, seed=seed,
    )  # fmt: skip
    searched = {dimension.name for dimension in space.dimensions}
    shared = {name: value for name, value in space.base.flat().items() if name not in searched}
    begun = Study.begin(
        plan, space.nets(),
        name or f"{space.name}-{dataset.name}", named=name is not None, root=root, storage=storage, dataset=dataset,
        params={"sampler": sampler, "sampler.seed": seed, **shared},
    )  # fmt: skip
    with language.interruptible("What is done is kept; the same command goes on."), begun as study:
        console.print(f"Study {study.paths.folder} on {dataset.name} ({dataset.digest})", markup=False, soft_wrap=True)
        tables.notes(console, study.notes)
        count = trials if trials or sampler == "grid" else 20
        order = Order(sampler, seed, count, final_runs, seconds, where)  # type: ignore[arg-type]
        with progress.StudyProgress(console) as watcher:
            report = search(space, dataset, order, study.paths, study.tracker, watcher)
        search_tables.search_report(console, report)
        unwritten = study.finish()
    files = "report.md, winner.yaml, trials.csv, outcomes"
    console.print(f"\nIn {study.paths.folder}: {files}.\n{study.how_to_look()}", markup=False, soft_wrap=True)
    tables.notes(console, unwritten)
    if failures := report.failures():
        raise TrialsFailed("\n".join([f"{len(failures)} trials failed; the rest is kept.", *failures[:5]]))
