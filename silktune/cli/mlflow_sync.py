"""`silktune mlflow`: a study's record in MLflow, written again from its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="A study's record in MLflow.", no_args_is_help=True)


@app.callback()
def _group() -> None: ...


@app.command("sync")
def sync(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="The folder of a search or an ablation.")],
    root: Annotated[
        Path | None,
        typer.Option(
            "--root", help="Where mlflow.db is, unless MLFLOW_TRACKING_URI is set.", show_default="the study's parent"
        ),
    ] = None,
) -> None:
    """Write what MLflow lacks of a study: after a time without it, or into another store.

    What is there already is not written again; nothing is trained.
    """
    from silktune.api import mlflow_export
    from silktune.api.session import how_to_look
    from silktune.cli.terminal import tables
    from silktune.cli.terminal.console import Terminal
    from silktune.study import plan as plans
    from silktune.study.metadata import Metadata
    from silktune.study.paths import StudyPaths
    from silktune.tracking import store
    from silktune.tracking.tracker import MlflowTracker

    console, paths = Terminal(highlight=False, soft_wrap=True), StudyPaths(study)
    plan = plans.read(paths)
    with paths.locked():
        metadata = Metadata.read(paths, plan.command)
        runs = root or study.absolute().parent
        where = store.uri(runs)
        tracker = MlflowTracker(where, runs, metadata.data.name, study.absolute().name, plan.study_id, live=False)
        tracker.open(metadata.tags, metadata.params)
        written = mlflow_export.write(plan, metadata, paths, tracker)
        tracker.close(failed=metadata.ended != "finished")
    tables.notes(console, [*tracker.store.notes, *written.missing])
    console.print(f"MLflow has {study} with {written.trials} trials that have ended.", markup=False)
    console.print(how_to_look(where, tracker.store.experiment), markup=False)
