"""A made study to record, a store to record it in, and all that is in a store."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from mlflow import MlflowClient

from silktune.outcome import ClassScores, Epoch, Outcome, Scores, State, VariableScores
from silktune.settings import Experiment
from silktune.tracking import store
from silktune.tracking.mlflow_tracker import MlflowTracker

CLASSES = {"place": ("FR", "IT", "Naples/Sicily"), "époque": ("≤ 1700", "> 1700")}
STUDY, EXPERIMENT = "quick", "silktune"


def scores(value: float) -> Scores:
    return Scores(
        mean_f1=value, mean_f1_with_background=value / 2, mean_f1_minority=None, OA=value,
        variables=tuple(_variable(name, classes, value) for name, classes in CLASSES.items()),
    )  # fmt: skip


def _variable(name: str, classes: tuple[str, ...], value: float) -> VariableScores:
    each = [ClassScores(name=c, precision=value, recall=None, f1=value, support=4, minority=False) for c in classes]
    counts = tuple(tuple(3 if row == column else 1 for column in range(len(classes))) for row in range(len(classes)))
    return VariableScores(
        name=name, f1=value, f1_with_background=value, f1_minority=None, OA=value, labelled=8,
        classes=tuple(each), confusion=counts,
    )  # fmt: skip


def epoch(number: int) -> Epoch:
    losses = {"L": 1 / number, "C": 0.5 / number}
    return Epoch(number=number, train_loss=losses, validation_loss=losses, validation=scores(number / 10), seconds=2)


def outcome(epochs: int = 3, *, state: State = "finished", tested: bool = False, reason: str = "") -> Outcome:
    return Outcome(
        state=state, reason=reason, best_epoch=epochs, epochs=tuple(epoch(n) for n in range(1, epochs + 1)),
        validation=scores(epochs / 10), test=scores(0.25) if tested else None, seconds=7.5, device="cpu",
    )  # fmt: skip


def settings(**changes: Any) -> dict[str, Any]:
    return Experiment().flat() | {name.replace("__", "."): value for name, value in changes.items()}


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store: making the tables takes seconds."""
    file = tmp_path_factory.getbasetemp() / "mlflow-template.db"  # one for every conftest that has this fixture
    if not file.exists():
        MlflowClient(tracking_uri=f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture
def runs(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of runs with an empty store in it."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = tmp_path / "runs"
    folder.mkdir()
    shutil.copy(template, folder / "mlflow.db")
    return folder


def tracker(runs: Path, study_id: str = "a1b2") -> MlflowTracker:
    return MlflowTracker(store.uri(runs), runs, EXPERIMENT, STUDY, study_id)


def content(runs: Path) -> dict[str, dict[str, Any]]:
    """Everything a person sees of the runs, by name; the names are all different."""
    client = MlflowClient(tracking_uri=store.uri(runs))
    found = client.get_experiment_by_name(EXPERIMENT)
    listed = client.search_runs([found.experiment_id]) if found else []
    seen = {run.info.run_name: _of_run(client, run) for run in listed}
    assert len(seen) == len(listed)
    return seen


def _comparable(value: float) -> float:
    return -1.0 if math.isnan(value) else value  # NaN equals nothing


def _of_run(client: MlflowClient, run: Any) -> dict[str, Any]:
    histories = {name: client.get_metric_history(run.info.run_id, name) for name in run.data.metrics}
    folder = Path(unquote(run.info.artifact_uri.removeprefix("file://")))
    return {
        "id": run.info.run_id,
        "status": run.info.status,
        "params": dict(run.data.params),
        "tags": dict(run.data.tags),
        "points": {
            name: sorted((m.step, _comparable(m.value)) for m in history) for name, history in histories.items()
        },
        "files": sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()),
        "inputs": [(one.dataset.name, one.dataset.digest) for one in run.inputs.dataset_inputs],
        "models": [one.model_id for one in run.outputs.model_outputs],
    }
