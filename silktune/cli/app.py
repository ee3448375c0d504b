"""The command `silktune`: its parts. Nothing heavy is imported before a command runs."""

from __future__ import annotations

from typing import Annotated

import typer

from silktune import __version__
from silktune.cli import (
    ablate,
    cache,
    cluster_file,
    data,
    evaluate,
    list_settings,
    list_trunks,
    mlflow_sync,
    predict,
    search,
    table,
    train,
)

app = typer.Typer(
    help="Hyperparameter search and ablations for SilkNet on Ray: images with gaps in their labels and rare classes.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich",
)  # fmt: skip
app.command("search")(search.command)
app.command("ablate")(ablate.command)
app.command("table")(table.command)
app.command("train")(train.command)
app.command("predict")(predict.command)
app.command("evaluate")(evaluate.command)
app.command("settings")(list_settings.command)
app.command("trunks")(list_trunks.command)
app.command("cache")(cache.command)
app.add_typer(data.app, name="data")
app.add_typer(cluster_file.app, name="cluster")
app.add_typer(mlflow_sync.app, name="mlflow")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"silktune {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None: ...
