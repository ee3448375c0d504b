"""All that a person sees of a study in a store, comparable with another store's."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from mlflow import MlflowClient

LIVE = {"mlflow.user", "mlflow.source.name"}  # tags that MLflow itself adds


def record(uri: str, experiment: str = "") -> dict[tuple[str, str], dict[str, Any]]:
    """(group, trial) → its run, without ids and times; no two runs may be the same trial's.

    Args:
        uri: of the store.
        experiment: the name of MLflow's experiment; "" for all that are there.
    """
    client = MlflowClient(tracking_uri=uri)
    experiments = [each.experiment_id for each in client.search_experiments() if experiment in ("", each.name)]
    runs = list(client.search_runs(experiments, max_results=1000))
    who = {run.info.run_id: (run.data.tags["silktune.group"], run.data.tags["silktune.trial"]) for run in runs}
    assert len(set(who.values())) == len(runs), sorted(who.values())
    return {who[run.info.run_id]: _of_run(client, run, who) for run in runs}


def _of_run(client: MlflowClient, run: Any, who: dict[str, tuple[str, str]]) -> dict[str, Any]:
    tags = dict(run.data.tags)
    parent = tags.pop("mlflow.parentRunId", None)
    experiment = client.get_experiment(run.info.experiment_id)
    histories = _histories(client, run)
    return {
        "experiment": experiment.name,
        "name": run.info.run_name,
        "parent": who[parent] if parent else None,
        "status": run.info.status,
        "params": dict(run.data.params),
        "tags": {name: value for name, value in tags.items() if name not in LIVE},
        "points": {
            name: sorted((step, _comparable(value)) for step, value in found) for name, found in histories.items()
        },
        "files": sorted(_files(client, run.info.run_id, "")),
        "data": [(one.dataset.name, one.dataset.digest, one.dataset.profile) for one in run.inputs.dataset_inputs],
        "models": sorted(_model(client, one.model_id) for one in run.outputs.model_outputs),
    }


def _histories(client: MlflowClient, run: Any) -> dict[str, list[Any]]:
    """Every value of every metric, (step, value); of a database at once, since a request for each takes seconds."""
    kind, _, database = client.tracking_uri.partition("?")[0].partition(":///")
    if kind != "sqlite":
        found = {name: client.get_metric_history(run.info.run_id, name) for name in run.data.metrics}
        return {name: [(metric.step, metric.value) for metric in metrics] for name, metrics in found.items()}
    points: dict[str, list[Any]] = {name: [] for name in run.data.metrics}
    with closing(sqlite3.connect(database)) as opened:
        query = "SELECT key, step, value, is_nan FROM metrics WHERE run_uuid = ?"
        for name, step, value, is_nan in opened.execute(query, [run.info.run_id]):
            points[name].append((step, math.nan if is_nan else value))
    return points


def _comparable(value: float) -> float:
    return -1.0 if math.isnan(value) else value  # NaN equals nothing


def _model(client: MlflowClient, model: str) -> tuple[str, str]:
    found = client.get_logged_model(model)
    return found.name, found.tags["silktune.weights"]


def _files(client: MlflowClient, run: str, folder: str) -> Iterator[tuple[str, int]]:
    for file in client.list_artifacts(run, folder or None):
        if file.is_dir:
            yield from _files(client, run, file.path)
        else:
            yield file.path, file.file_size
