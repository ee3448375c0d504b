"""One run of MLflow, written so that writing it again changes nothing."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from silktune.settings.value_text import alike, spell
from silktune.tracking.mlflow_names import PARAM_LENGTH, TAG_LENGTH, safe, short
from silktune.tracking.store import Store

STUDY, GROUP, TRIAL, STATE = "silktune.study", "silktune.group", "silktune.trial", "silktune.state"
NAME, PARENT = "mlflow.runName", "mlflow.parentRunId"
PAGE = 100  # runs in one answer; with a few hundred metrics each, a busy store takes seconds for it
LAST = "seconds"  # of an epoch's metrics the one that is written last: where it is, they all are


class Run:
    """A run and what is in it already; the store is asked for that once."""

    def __init__(self, store: Store, run: Any, *, new: bool) -> None:
        self.id: str = run.info.run_id
        self.experiment = store.experiment
        self._store = store
        self._status: str = run.info.status
        self._tags: dict[str, str] = dict(run.data.tags)
        self._params: dict[str, str] = dict(run.data.params)
        self._metrics: dict[str, float] = dict(run.data.metrics)
        self._steps: set[int] | None = set() if new else None

    @classmethod
    def begin(cls, store: Store, name: str, tags: Mapping[str, str]) -> Run:
        """A new run."""
        own = {safe(key): short(value, TAG_LENGTH) for key, value in tags.items()}
        with store.sentences():
            run = store.client.create_run(store.experiment, tags={STATE: "running"} | own, run_name=own.get(NAME, name))
        return cls(store, run, new=True)

    @classmethod
    def of_study(cls, store: Store, study: str) -> Iterator[tuple[str, str, Run]]:
        """All runs of a study that are in the store, as (group, trial, run); of two alike the older last."""
        token: str | None = None
        while True:
            with store.sentences():
                page = store.client.search_runs(
                    [store.experiment],
                    filter_string=f"tags.`{STUDY}` = '{study}'",
                    max_results=PAGE,
                    page_token=token,
                )
            for run in page:
                yield run.data.tags.get(GROUP, ""), run.data.tags.get(TRIAL, ""), cls(store, run, new=False)
            token = page.token
            if not token:
                return

    @property
    def tags(self) -> Mapping[str, str]:
        return self._tags

    @property
    def running(self) -> bool:
        return self._status == "RUNNING"

    def write(
        self,
        *,
        params: Mapping[str, object] | None = None,
        tags: Mapping[str, str] | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Parameters, tags and metrics that have no epoch; what is there already is not written again.

        MLflow never changes a parameter: a value that is another one now becomes the tag `now.<name>`.
        """
        values = {safe(name): short(spell(value), PARAM_LENGTH) for name, value in (params or {}).items()}
        changed = {f"now.{k}": v for k, v in values.items() if not alike(self._params.get(k, v), v)}
        new_params = {k: v for k, v in values.items() if k not in self._params}
        labels = {safe(k): short(v, TAG_LENGTH) for k, v in (tags or {}).items()} | changed
        new_tags = {k: v for k, v in labels.items() if self._tags.get(k) != v}
        named = {safe(name): float(value) for name, value in (metrics or {}).items()}
        new_metrics = {k: v for k, v in named.items() if not _same(self._metrics.get(k), v)}
        self._send([(name, value, 0) for name, value in new_metrics.items()], new_params, new_tags)
        self._params |= new_params
        self._tags |= new_tags
        self._metrics |= new_metrics

    def epochs(self, metrics: Iterable[tuple[int, Mapping[str, float]]]) -> bool:
        """The metrics of epochs, LAST the last of each; True if one was not there yet and so was written."""
        new = [(number, values) for number, values in metrics if number not in self._known_steps()]
        if not new:
            return False
        self._send([(safe(name), value, number) for number, values in new for name, value in values.items()])
        self._known_steps().update(number for number, _ in new)
        return True

    def _known_steps(self) -> set[int]:
        if self._steps is None:
            with self._store.sentences():
                self._steps = {metric.step for metric in self._store.client.get_metric_history(self.id, LAST)}
        return self._steps

    def _send(
        self,
        metrics: list[tuple[str, float, int]],
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """As few requests as MLflow's limits allow: one, nearly always."""
        from mlflow.entities import Metric, Param, RunTag

        now = time.time_ns() // 1_000_000
        made = [Metric(name, value, now, step) for name, value, step in metrics]
        values = [Param(name, value) for name, value in (params or {}).items()]
        labels = [RunTag(name, value) for name, value in (tags or {}).items()]
        parts: Iterable[tuple[list[Any], ...]] = zip_longest(
            _parts(made, 800), _parts(values, 100), _parts(labels, 100), fillvalue=[]
        )
        with self._store.sentences():
            for some_metrics, some_params, some_tags in parts:
                self._store.client.log_batch(self.id, some_metrics, some_params, some_tags)

    def file(self, path: Path, folder: str = "") -> None:
        """A file, or a folder and all that is in it, as an artifact; it replaces one of the same name."""
        if not path.exists():
            raise FileNotFoundError(path)
        with self._store.sentences():
            if path.is_dir():
                self._store.client.log_artifacts(self.id, str(path), "/".join(filter(None, (folder, path.name))))
            else:
                self._store.client.log_artifact(self.id, str(path), folder or None)

    def document(self, content: Mapping[str, Any], name: str) -> None:
        """A JSON artifact."""
        with self._store.sentences():
            self._store.client.log_dict(self.id, dict(content), name)

    def resume(self) -> None:
        """Running again, if it was not."""
        if not self.running:
            with self._store.sentences():
                self._store.client.update_run(self.id, status="RUNNING")
            self._status = "RUNNING"
            self.write(tags={STATE: "running"})

    def end(self, status: str) -> None:
        """FINISHED, FAILED or KILLED, if it is not that already."""
        if self._status != status:
            with self._store.sentences():
                self._store.client.set_terminated(self.id, status)
            self._status = status


def _same(one: float | None, other: float) -> bool:
    return one is not None and (one == other or (math.isnan(one) and math.isnan(other)))


def _parts(items: list[Any], size: int) -> Iterator[list[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))
