"""A study's whole record in MLflow, written from its folder: what is there already stays as it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from silktune.api.mlflow_page import how_to_look
from silktune.core import predict, training
from silktune.data.dataset import Dataset
from silktune.errors import DataError, StudyError
from silktune.orchestrate import study_tracking as story
from silktune.orchestrate.study_tracking import Written
from silktune.study import plan as plans
from silktune.study.metadata import Metadata
from silktune.study.paths import StudyPaths
from silktune.study.plan import Plan, Trial
from silktune.tracking import model, provenance, store
from silktune.tracking.mlflow_tracker import MlflowTracker


@dataclass(frozen=True)
class Synced:
    """What came of writing a study's record."""

    trials: int  # that have ended, all of which MLflow has now
    notes: tuple[str, ...]  # what could not be written, and what else a person should know
    page: str  # how to open MLflow's page of its runs


def sync(study: str | Path, root: str | Path | None = None) -> Synced:
    """Write what MLflow lacks of a study; what is there already is not written again.

    Args:
        study: its folder.
        root: where mlflow.db is, unless MLFLOW_TRACKING_URI is set; None: the study's parent.

    Raises:
        StudyError: it is no study, it is worked on, or a file of it is missing or damaged.
        TrackingError: the store cannot be reached or written.
    """
    paths = StudyPaths(Path(study))
    plan, folder = plans.read(paths), paths.folder.absolute()
    with paths.locked():
        metadata = Metadata.read(paths, plan.command)
        runs = Path(root) if root else folder.parent
        uri = store.uri(runs)
        tracker = MlflowTracker(uri, runs, metadata.data.name, folder.name, plan.study_id, live=False)
        tracker.open(metadata.tags, metadata.params)
        written = write(plan, metadata, paths, tracker)
        tracker.close(failed=metadata.ended != "finished")
    notes = (*tracker.store.notes, *written.missing)
    return Synced(written.trials, notes, how_to_look(uri, tracker.store.experiment))


def write(plan: Plan, metadata: Metadata, paths: StudyPaths, tracker: MlflowTracker) -> Written:
    """Everything that the folder knows: trials, figures, files, the data set, the network of the best final run.

    Raises:
        StudyError: a file of the study is missing or damaged.
        TrackingError: the store cannot be reached or written.
    """
    log_dataset(metadata, tracker)
    written = story.write(plan, paths, tracker)
    if written.best:
        try:
            _log_model(written.best, metadata, paths, tracker)
        except (StudyError, DataError) as error:
            written.missing.append(f"The network of {written.best.id} is left out. {error}")
    return written


def log_dataset(metadata: Metadata, tracker: MlflowTracker) -> None:
    """The data set on the study's run."""
    data = metadata.data
    provenance.log_dataset(
        tracker, name=data.name, digest=data.digest, source=metadata.folder,
        classes={v.name: list(v.counts) for v in data.variables}, profile={"images": data.images},
    )  # fmt: skip


def _log_model(run: Trial, metadata: Metadata, paths: StudyPaths, tracker: MlflowTracker) -> None:
    near = paths.folder.absolute().parent / "data" / metadata.data.digest  # the folder of studies may have been moved
    whole = Dataset.open(near if near.exists() else metadata.folder)
    if whole.digest != metadata.data.digest:
        raise DataError(f"{whole.folder} is another data set now: {whole.digest}, not {metadata.data.digest}.")
    data = training.view(whole, run.experiment)
    net = predict.load(paths.trial(run.id) / "model.pt", run.experiment, data)
    rows = data.rows("validation")[:2]
    example = torch.from_numpy(data.images[rows]).permute(0, 3, 1, 2).float() / 255
    names = {v.name: v.names for v in data.variables}
    model.log_model(
        tracker, run.group, predict.Classifier(net, tuple(names)), example.contiguous().numpy(),
        name="silknet", classes=names, metadata={"run": run.id, "dataset": data.digest},
    )  # fmt: skip
