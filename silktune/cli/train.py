"""`silktune train`: one training, without Ray."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from silktune.api import defaults
from silktune.cli import options
from silktune.cli.options import CacheOption, DataOption, DeviceOption, ImagesOption


def command(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE|name=value",
            help="A file with settings (winner.yaml), and settings.",
            show_default=False,
        ),
    ] = None,
    data: DataOption = ...,  # type: ignore[assignment]
    images: ImagesOption = None,
    folder: Annotated[
        Path | None, typer.Option("--to", help="Keep checkpoint, model and outcome here; go on from there.")
    ] = None,
    device: DeviceOption = defaults.DEVICE,
    threads: Annotated[int, typer.Option(help="CPU threads; 0: torch decides.", min=0)] = defaults.THREADS,
    test: Annotated[bool, typer.Option("--test", help="Test the result on the test set.")] = False,
    cache_gb: CacheOption = None,
) -> None:
    """Train one SilkNet and print its scores, without Ray and without MLflow."""
    from silktune.api.train import train
    from silktune.cli.terminal import tables
    from silktune.cli.terminal.console import Terminal
    from silktune.cli.terminal.progress import EpochLines

    file, settings = options.split(words or [], "")
    console = Terminal(long=True, highlight=False)
    kept = (
        f"{folder} keeps its last checkpoint; the same command goes on." if folder else "Nothing is kept without --to."
    )
    with options.interruptible(kept), EpochLines(console) as progress:
        trained = train(
            data, settings, base=file, images=images, folder=folder, device=device, threads=threads, test=test,
            cache_gb=cache_gb, progress=progress,
        )  # fmt: skip
    outcome = trained.outcome
    console.print(
        f"\nBest epoch {outcome.best_epoch} of {len(outcome.epochs)}, {outcome.seconds:.0f} s on {outcome.device}.\n"
    )
    for subset, scores in (("validation", outcome.validation), ("test", outcome.test)):
        if scores:
            console.print(tables.scores_table(f"{subset} set", scores))
    if folder:
        console.print(f"In {folder}: model, checkpoint.pt, outcome.json.", markup=False, soft_wrap=True)
