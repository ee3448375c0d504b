"""A study's whole record in MLflow, written from its folder: what is there already stays as it is."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from silktune.api import arguments
from silktune.api.mlflow_page import how_to_look
from silktune.errors import StudyError
from silktune.model import folder
from silktune.orchestrate import study_tracking as story
from silktune.orchestrate.study_tracking import Written
from silktune.study import plan as plans
from silktune.study.metadata import Metadata
from silktune.study.paths import StudyPaths
from silktune.study.plan import Plan
from silktune.tracking import model, provenance, store
from silktune.tracking.mlflow_tracker import MlflowTracker


@dataclass(frozen=True)
class Synced:
    """What came of writing a study's record."""

    trials: int  # that have ended, all of which MLflow has now
    notes: tuple[str, ...]  # what could not be written, and what else a person should know
    page: str  # how to open MLflow's page of its runs


def sync(study: str | Path, root: str | Path | None = None, register: str | None = None) -> Synced:
    """Write what MLflow lacks of a study; what is there already is not written again.

    Args:
        study: its folder.
        root: where mlflow.db is, unless MLFLOW_TRACKING_URI is set; None: the study's parent.
        register: a name in MLflow's registry for the model of a search; None: it is not registered.

    Raises:
        SettingsError: the registry takes no such name.
        StudyError: it is no study, it is worked on, or a file of it is missing or damaged.
        TrackingError: the store cannot be reached or written.
    """
    arguments.registrable(register)
    paths = StudyPaths(Path(study))
    plan, folder = plans.read(paths), paths.folder.absolute()
    with paths.locked():
        metadata = Metadata.read(paths, plan.command)
        runs = Path(root) if root else folder.parent
        uri = store.uri(runs)
        tracker = MlflowTracker(uri, runs, metadata.data.name, folder.name, plan.study_id, live=False)
        tracker.open(metadata.tags, metadata.params)
        written = write(plan, metadata, paths, tracker, register)
        tracker.close(failed=metadata.ended != "finished")
    notes = (*tracker.store.notes, *written.missing, *filter(None, [written.registered]))
    return Synced(written.trials, notes, how_to_look(uri, tracker.store.experiment))


def write(
    plan: Plan, metadata: Metadata, paths: StudyPaths, tracker: MlflowTracker, register: str | None = None
) -> Written:
    """Everything that the folder knows: trials, figures, files, the data set, the model that the final runs are.

    Raises:
        StudyError: a file of the study is missing or damaged.
        TrackingError: the store cannot be reached or written.
    """
    log_dataset(metadata, tracker)
    written = story.write(plan, paths, tracker)
    if written.finals:
        try:
            address, data = _log_model(written, paths, tracker)
        except StudyError as error:
            written.missing.append(f"The model of {written.finals[0].group} is left out. {error}")
        else:
            if register:
                written.registered = model.register(
                    tracker, register, address, written.finals[0].group, validation=written.validation, data=data
                )
    elif register:
        written.missing.append(f"{paths.folder} has no final run, and so no model to be registered as {register}.")
    return written


def log_dataset(metadata: Metadata, tracker: MlflowTracker) -> None:
    """The data set on the study's run."""
    data = metadata.data
    provenance.log_dataset(
        tracker, name=data.name, digest=data.digest, source=metadata.folder,
        classes={v.name: list(v.counts) for v in data.variables}, profile={"images": data.images},
    )  # fmt: skip


def _log_model(written: Written, paths: StudyPaths, tracker: MlflowTracker) -> tuple[str, str]:
    """The model of a search, the mean of its final runs: its address, and the digest of its data set."""
    finals = written.finals
    folders = [paths.model(run.id) for run in finals]
    abouts = [folder.describe(path) for path in folders]
    metadata = {"runs": [run.id for run in finals], "dataset": abouts[0].data.digest}
    address = model.log_model(
        tracker, finals[0].group, folders, [_example(abouts[0].preparation.image_size)], classes=abouts[0].names,
        metadata=metadata, metrics=written.metrics, params=finals[0].experiment.flat(),
    )  # fmt: skip
    return address, abouts[0].data.digest


def _example(S: int) -> str:
    """A grey image, as base64 of a PNG: what the model takes, and nobody's picture."""
    _, file = cv2.imencode(".png", np.full((S, S, 3), 128, np.uint8))
    return base64.b64encode(file.tobytes()).decode("ascii")
