"""`silktune train`: one training, without Ray."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from silktune.cli.options import DEVICES, STUDIES, DataOption, DeviceOption, ImagesOption


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
    device: DeviceOption = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads; 0: torch decides.", min=0)] = 0,
    test: Annotated[bool, typer.Option("--test", help="Test the result on the test set.")] = False,
) -> None:
    """Train one SilkNet and print its scores, without Ray and without MLflow."""
    from silktune.cli import options as language
    from silktune.cli.terminal import progress, tables
    from silktune.cli.terminal.console import Terminal
    from silktune.study.space_file import experiment

    name, overrides = language.split(words or [], "")
    wanted = experiment(name, overrides)
    if folder:
        language.writable(folder, "name another folder with --to")
    console = Terminal(long=True, highlight=False)
    dataset = progress.resolve(console, data, images, wanted, STUDIES / "data")

    from silktune.core import predict, training
    from silktune.settings import Runtime

    language.one_of("--device", device, DEVICES)
    runtime = Runtime(device=device, threads=threads, folder=folder)
    kept = f"{folder} keeps its last epoch; the same command goes on." if folder else "Nothing is kept without --to."
    with language.interruptible(kept):
        net, outcome = training.fit(wanted, runtime, dataset, progress.EpochLines(console))
    console.print(
        f"\nBest epoch {outcome.best_epoch} of {len(outcome.epochs)}, {outcome.seconds:.0f} s on {outcome.device}.\n"
    )
    assert outcome.validation is not None
    console.print(tables.scores_table("validation set", outcome.validation))
    if test:
        scores = predict.evaluate(net, training.view(dataset, wanted), "test", next(net.parameters()).device)
        outcome = outcome.model_copy(update={"test": scores})
        console.print(tables.scores_table("test set", scores))
    if folder:
        outcome.write(folder / "outcome.json")
        console.print(f"In {folder}: model.pt, checkpoint.pt, outcome.json.", markup=False, soft_wrap=True)
