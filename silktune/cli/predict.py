"""`silktune predict`: proposals for the gaps of a catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from silktune.api import defaults
from silktune.cli import options
from silktune.cli.options import DeviceOption, ImagesOption

if TYPE_CHECKING:
    from rich.table import Table

    from silktune.api.predict import Prediction

ModelArgument = Annotated[
    Path, typer.Argument(help="The folder of a search, of a training, or of a model.", metavar="MODEL|STUDY")
]


def command(
    model: ModelArgument,
    source: Annotated[Path, typer.Argument(help="A label table, or a folder of images.", metavar="TABLE|FOLDER")],
    to: Annotated[
        Path, typer.Option("--to", help="The file of proposals, .csv or .parquet; a row for each gap.", metavar="FILE")
    ],
    images: ImagesOption = None,
    complete: Annotated[
        Path | None,
        typer.Option("--complete", help="Write a copy of TABLE, its gaps filled.", metavar="FILE"),
    ] = None,
    gallery: Annotated[
        Path | None,
        typer.Option(
            "--gallery", help="A page of pictures, .html: contradicted labels, least sure, proposals.", metavar="FILE"
        ),
    ] = None,
    grad_cam: Annotated[
        bool, typer.Option("--grad-cam", help="Show on that page what in each image speaks for the class.")
    ] = False,
    min_precision: Annotated[
        float | None,
        typer.Option(
            "--min-precision", help="Propose only what is right so often: 0.9.", metavar="SHARE", show_default="all"
        ),
    ] = None,
    by_record: Annotated[
        bool, typer.Option("--by-record", help="A row for each record, from all of its images.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Say of known labels too what the model thinks.")
    ] = False,
    one: Annotated[bool, typer.Option("--one", help="The best of a search's final runs, not the mean of all.")] = False,
    released: Annotated[
        Path | None,
        typer.Option(
            "--released", help="A folder for sys_integration_pred_<variable>.csv, as the released code writes it.",
            metavar="FOLDER",
        ),
    ] = None,
    device: DeviceOption = defaults.DEVICE,
) -> None:  # fmt: skip
    """Propose a class for every gap of a catalogue, and how sure it is; a known label stays as it is.

    The same command goes on with an interrupted one. Nothing is proposed for images unlike the training images.
    """
    from silktune.api.predict import predict
    from silktune.cli.data import bar

    kept = f"What is done is kept in {to}.unfinished; the same command goes on."
    with options.interruptible(kept), bar("Predicting") as advance:
        found = predict(
            model, source, to, images=images, complete=complete, gallery=gallery, grad_cam=grad_cam, released=released,
            min_precision=min_precision, by_record=by_record, everything=everything, one=one, device=device,
            progress=advance,
        )  # fmt: skip
    _show(found, min_precision, released)


def _show(found: Prediction, min_precision: float | None, released: Path | None) -> None:
    from silktune.cli.terminal import tables
    from silktune.cli.terminal.console import Terminal

    console = Terminal(long=True, highlight=False)
    tables.notes(console, found.notes)
    console.print(_table(found, min_precision))
    for reason, count in found.rejected.items():
        console.print(f"Not read, {count:,} of {found.images:,} images: {reason}.", markup=False, soft_wrap=True)
    written = (found.file, found.complete, found.gallery, found.rejected_file, released)
    files = [path for path in written if path]
    console.print(f"Written: {', '.join(map(str, files))}", markup=False, soft_wrap=True)


def _table(found: Prediction, min_precision: float | None) -> Table:
    from rich.table import Table

    remarks = list(dict.fromkeys(reason for count in found.variables.values() for reason in count.remarks))
    known = any(count.known for count in found.variables.values())
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for head in ("gaps", "proposed", *remarks):
        table.add_column(head, justify="right")
    if min_precision is not None:
        table.add_column("on validation: precision, coverage [%]", justify="right")
    if known:
        table.add_column("agrees with known", justify="right")
    for name, count in found.variables.items():
        cells = [f"{count.gaps:,}", f"{count.proposed:,}", *(f"{count.remarks[reason]:,}" for reason in remarks)]
        if min_precision is not None:
            promise = found.promises[name]
            possible = f"{100 * promise.held:.1f}, {100 * promise.coverage:.0f}"
            cells.append(possible if promise.possible else "–")
        if known:
            cells.append(f"{count.agrees:,} of {count.known:,}")
        table.add_row(name, *cells)
    return table
