"""`silktune ablate`: which training helps, and is the difference real?"""

from __future__ import annotations

import shlex
from pathlib import Path
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
            help="An ablation table by name or file (p23), and settings that every row gets.",
            show_default=False,
        ),
    ] = None,
    data: DataOption = ...,  # type: ignore[assignment]
    images: ImagesOption = None,
    runs: Annotated[
        int | None,
        typer.Option(help="Runs of every row; more than before adds.", min=1, show_default="the table's"),
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
        typer.Option(help="The study's folder under --root.", show_default="from table, data and settings"),
    ] = None,
    root: RootOption = STUDIES,
) -> None:
    """Train every row of a table in several runs, and compare the rows on the test set.

    The same command again continues an interrupted table and runs failed cells again; with more --runs it adds to a
    finished one.
    """
    from silktune.cli import options as language
    from silktune.cli.terminal import ablation_tables, progress, tables
    from silktune.cli.terminal.console import Terminal
    from silktune.study import ablation, publish

    wanted, overrides = language.split(words or [], "p23")
    language.one_of("--device", device, DEVICES)
    language.study_name(name)
    language.one_of("--executor", executor, EXECUTORS)
    named = tuple(one.strip() for one in (variables or "").split(",") if one.strip())
    table = ablation.load(wanted, overrides, variables=named, best_of=best_of)
    if reference:
        table = publish.compared_with(table, reference)
    console = Terminal(long=True, highlight=False)
    language.writable(root, "name another folder with --root")
    dataset = progress.resolve(console, data, images, table.base, root / "data")

    from silktune.api.session import Study
    from silktune.orchestrate import ablate, executors
    from silktune.orchestrate.executors.resources import Placement
    from silktune.study.external_files import Outside
    from silktune.study.plan import AblationPlan

    intended = AblationPlan(
        command=shlex.join(command_line()), data=dataset.digest, weights=table.base.net.weights_digest,
        table=table.name, base=table.base,
    )  # fmt: skip
    where = executors.executor(executor, Placement(concurrent, workers, gpus, device, retries, address))
    order = ablate.Order(runs or table.runs, where)
    title = name or f"{table.name}-{dataset.name}"
    ablate.check(table, dataset, device)
    if plan:
        from silktune.orchestrate import estimate

        paths = intended.paths(root, title, named=name is not None, storage=storage)
        Outside.read(paths).with_(row.experiment.net for row in table.rows)
        ablation_tables.plan(console, estimate.estimate(table, dataset, order, paths))
        return
    begun = Study.begin(
        intended, [row.experiment.net for row in table.rows],
        title, named=name is not None, root=root, storage=storage, dataset=dataset,
        params={"table": table.name, "runs": order.runs, **table.base.flat()},
    )  # fmt: skip
    with language.interruptible("What is done is kept; the same command goes on."), begun as study:
        console.print(f"Study {study.paths.folder} on {dataset.name} ({dataset.digest})", markup=False, soft_wrap=True)
        tables.notes(console, study.notes)
        console.print(table.question, markup=False)
        with progress.StudyProgress(console, max(len(trial.id) for trial in table.trials(1))) as watcher:
            found = ablate.ablate(table, dataset, order, study.paths, study.tracker, watcher)
        ablation_tables.ablation(console, found)
        unwritten = study.finish()
    ablation_tables.where(console, study.paths)
    console.print(study.how_to_look(), markup=False, soft_wrap=True)
    tables.notes(console, unwritten)
    ablation_tables.check_complete(found)
