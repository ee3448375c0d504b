"""`silktune mlflow`: a study's record in MLflow, written again from its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from silktune.cli.options import RegisterOption

app = typer.Typer(help="A study's record in MLflow.", no_args_is_help=True)


@app.callback()
def _group() -> None: ...


@app.command("sync")
def command(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="The folder of a search or an ablation.")],
    root: Annotated[
        Path | None,
        typer.Option(
            "--root", help="Where mlflow.db is, unless MLFLOW_TRACKING_URI is set.", show_default="the study's parent"
        ),
    ] = None,
    register: RegisterOption = None,
) -> None:
    """Write what MLflow lacks of a study: after a time without it, or into another store.

    What is there already is not written again; nothing is trained.
    """
    from silktune.api.mlflow_sync import sync
    from silktune.cli.terminal import tables
    from silktune.cli.terminal.console import Terminal

    console, written = Terminal(highlight=False, soft_wrap=True), sync(study, root, register)
    tables.notes(console, written.notes)
    console.print(f"MLflow has {study} with {written.trials} trials that have ended.", markup=False)
    console.print(written.page, markup=False)
