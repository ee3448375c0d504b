"""`silktune data`: prepare a data set, describe or check one, weave a sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.columns import Columns
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from silktune.api import defaults
from silktune.cli.options import RootOption, interruptible, values
from silktune.cli.terminal.console import Terminal
from silktune.cli.terminal.tables import notes
from silktune.settings import MAX_MEGAPIXELS

if TYPE_CHECKING:
    from silktune.data.describe import Description, Parts
    from silktune.data.label_table import Variable

app = typer.Typer(help="Label tables and images: prepare, describe, check, or weave a sample.", no_args_is_help=True)

Settings = Annotated[
    list[str] | None, typer.Argument(metavar="NAME=VALUE", help="Settings, such as data.image_size=128.")
]
Images = Annotated[
    Path | None,
    typer.Option(help="Folder of the images; else the table's own, or images in it.", metavar="DIR"),
]


@app.command()
def prepare(
    table: Annotated[Path, typer.Argument(help="Label table, CSV or Parquet.", metavar="TABLE")],
    settings: Settings = None,
    images: Images = None,
    to: Annotated[Path, typer.Option(help="Where prepared data sets are kept.", metavar="ROOT")] = Path("runs/data"),
    storage: Annotated[
        str | None,
        typer.Option(
            help="Put it there too, for the nodes of a cluster: s3://…", metavar="FOLDER|URI", show_default=False
        ),
    ] = None,
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="Leave out images that are missing, damaged or too large.")
    ] = False,
    max_megapixels: Annotated[
        int, typer.Option(help="An image with more million pixels is too large and not decoded.", min=1, max=1_000_000)
    ] = MAX_MEGAPIXELS,
) -> None:
    """Decode, resize and split the images of TABLE; interrupted, it goes on where it stopped."""
    from silktune.api.describe import data_settings
    from silktune.data.dataset import Dataset
    from silktune.data.describe import describe as look
    from silktune.data.label_table import table_name
    from silktune.data.prepare import prepare as make
    from silktune.data.shared_dataset import keep
    from silktune.storage import Storage

    wanted, place = data_settings(values(settings)), Storage.of(storage or to)
    with bar("Preparing images") as advance:
        folder = make(
            table, images, wanted, to,
            progress=advance, skip_unreadable=skip_unreadable, max_megapixels=max_megapixels,
        )  # fmt: skip
    show(replace(look(folder, wanted), name=table_name(table)))
    console = Terminal(soft_wrap=True)
    console.print(f"Prepared: {folder}", highlight=False, markup=False)
    if storage:
        console.print(f"In the storage: {keep(Dataset.open(folder), place)}", highlight=False, markup=False)


@app.command()
def describe(
    source: Annotated[
        Path,
        typer.Argument(
            help="Label table, folder of a prepared data set, or CSV of counts (variable, class, count).",
            metavar="SOURCE",
        ),
    ],
    settings: Settings = None,
) -> None:
    """Classes, gaps and imbalance of each variable; a label table is split as it would be for training."""
    from silktune.api.describe import describe as look

    show(look(source, values(settings)).description)


@app.command()
def check(
    table: Annotated[Path, typer.Argument(help="Label table, CSV or Parquet.", metavar="TABLE")],
    settings: Settings = None,
    images: Images = None,
    group: Annotated[
        str, typer.Option(help="A column, such as museum, that should tell nothing.", metavar="COLUMN")
    ] = "",
    to: Annotated[
        Path | None,
        typer.Option(
            help="A folder for check.html, check.json, pairs.csv and labels.csv.", metavar="FOLDER", show_default=False
        ),
    ] = None,
    root: RootOption = defaults.ROOT,
) -> None:
    """Look for faults: contradictions, copies, labels that look wrong, shortcuts, images that cannot be read."""
    from silktune.api.check import check as look
    from silktune.api.check import refuse_existing
    from silktune.cli.terminal import check_tables

    if to:
        refuse_existing(to)
    with steps() as progress, interruptible("What was decoded is kept; the same command goes on."):
        found = look(table, values(settings), images=images, group=group, root=root, progress=progress)
    console = Terminal(highlight=False)
    check_tables.check(console, found.report)
    if to:
        names = ", ".join(path.name for path in found.write(to))
        console.print(f"\nIn {to}: {names}", markup=False, soft_wrap=True)


@app.command("import")
def import_(
    sources: Annotated[
        list[Path],
        typer.Argument(help="total_post.csv; or lists of images, or a master file of such.", metavar="FILE..."),
    ],
    to: Annotated[Path, typer.Option(help="The label table to write.", metavar="TABLE")] = Path("labels.csv"),
    classes: Annotated[
        Path | None,
        typer.Option(
            "--map", help="CSV of variable, old, new: classes to merge, to rename, to take out.", metavar="CSV"
        ),
    ] = None,
) -> None:
    """Make a label table from SILKNOW's export or the released code's lists; says what it leaves out and why."""
    from silktune.api.import_labels import import_labels

    found, console = import_labels(sources, to, classes), Terminal(soft_wrap=True)
    console.print(f"{found.images:,} images of {found.records:,} records: {found.table}", highlight=False, markup=False)
    for what, count in found.left_out.items():
        console.print(f"left out: {count:,} {what}", highlight=False, markup=False)
    for variable, reasons in found.unknown.items():
        for reason, count in reasons.items():
            console.print(f"{variable}: {count:,} labels are unknown now: {reason}", highlight=False, markup=False)
    if found.beside:
        names = ",".join(found.variables)
        console.print(
            f"{', '.join(found.beside)} is no variable: add data.variables={names}", highlight=False, markup=False
        )


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(help="Where it goes.", metavar="FOLDER")] = Path("runs/sample"),
    images: Annotated[int, typer.Option(help="How many images, 60 or more.")] = 600,
    seed: Annotated[int, typer.Option(help="Another seed, other images.", min=0)] = 0,
) -> None:
    """Weave a sample data set: pictures of fabrics, a label table with gaps and rare classes."""
    from silktune.data.sample_data.collection import weave

    Terminal(soft_wrap=True).print(f"Woven: {weave(folder, images, seed)}", highlight=False, markup=False)


@contextmanager
def bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr, told (done, total); nothing where stderr is no terminal."""
    console = Terminal(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def steps() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on stderr for one step after the other, told (what, done, total); nothing where it is no terminal."""
    console = Terminal(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def told(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done, total=total)

        yield told


def show(description: Description) -> None:
    """Print a description: how it is split, what is in each variable, then in each class."""
    console = Terminal()
    parts = description.parts
    if parts:
        subsets = ", ".join(f"{count:,} {name}" for name, count in parts.subsets.items())
        head = f"{parts.images:,} images of {parts.records:,} records: {subsets}"
        console.print(Text(description.name, "bold").append(f": {head}", "not bold"))
    console.print(_variables(description))
    console.print(Columns([_classes(variable, description) for variable in description.variables], padding=(0, 3)))
    if any(any(variable.statistics.minority_mask) for variable in description.variables):
        console.print("• under-represented: a share of the labels below 1/K_m", style="dim")
    for sentence in _about_parts(parts) if parts else ():
        console.print(sentence, highlight=False, markup=False)
    notes(console, description.notes)


def _about_parts(parts: Parts) -> Iterator[str]:
    """What became of labels and images that are in no class and no subset, and what L_sem can use of the others."""
    anchors = {margin: f"{100 * shares.anchors:.1f} %" for margin, shares in parts.usable.items()}
    triplets = {margin: f"{100 * shares.triplets:.2g} %" for margin, shares in parts.usable.items()}
    yield f"L_sem: {anchors['all']} of training images can be anchors, {triplets['all']} of triplets are valid;"
    yield f"  with loss.sem_margin=comparable {anchors['comparable']} and {triplets['comparable']}"
    for name, classes in parts.became_background.items():
        rare = ", ".join(f"{label} ({count} record{'s' * (count != 1)})" for label, count in classes.items())
        yield f"{name}: too rare for three subsets, so {parts.rare_are}: {rare}"
    if parts.unlabelled:
        yield f"without a label: {parts.unlabelled:,} image{'s' * (parts.unlabelled != 1)}, in no training"
    for reason, count in parts.rejected.items():
        yield f"left out: {count:,} image{'s' * (count != 1)}: {reason}"


def _variables(description: Description) -> Table:
    table = Table("variable", box=None, header_style="bold", pad_edge=False)
    for heading in ("K_m", "labelled", "share", "background", "|M_m|", "m/K", "IR", "BD"):
        table.add_column(heading, justify="right")
    for variable in description.variables:
        of = variable.statistics
        share = f"{of.total / description.parts.images:.1%}" if description.parts else "–"
        counts = (str(of.K), f"{of.total:,}", share, f"{variable.background:,}", str(of.minority))
        table.add_row(Text(variable.name), *counts, f"{of.minority_share:.2f}", f"{of.IR:.1f}", f"{of.BD:.2f}")
    return table


def _classes(variable: Variable, description: Description) -> Table:
    """The classes of a variable, frequent ones first, background last."""
    table = Table(title=Text(f"\n{variable.name}", style="bold"), title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    table.add_column("images", justify="right")
    by_subset = description.parts.classes[variable.name] if description.parts else {}
    for subset in by_subset:
        table.add_column(subset, justify="right")
    rare = variable.statistics.minority_mask
    rows = sorted(zip(variable.classes, variable.counts, rare, strict=True), key=lambda row: -row[1])
    if variable.background:
        rows.append(("background", variable.background, False))
    for name, count, minority in rows:
        parts = [f"{counts.get(name, 0):,}" for counts in by_subset.values()]
        table.add_row(Text(f"{'•' if minority else ' '} {name}"), f"{count:,}", *parts)
    return table
