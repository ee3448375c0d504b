"""A study's folder, its plan and its record in MLflow, opened together and closed together."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from silktune.core import loop, predict
from silktune.data.dataset import Dataset
from silktune.errors import TrackingError
from silktune.study.paths import StudyPaths
from silktune.study.plan import Plan
from silktune.study.report import SearchReport
from silktune.tracking import model, record, store
from silktune.tracking.tracker import MlflowTracker


@dataclass(frozen=True)
class Study:
    """An open study."""

    paths: StudyPaths
    dataset: Dataset
    tracker: MlflowTracker
    uri: str

    @classmethod
    @contextmanager
    def begin(
        cls,
        what: Mapping[str, Any],
        name: str,
        *,
        named: bool,
        root: Path,
        dataset: Dataset,
        command: Sequence[str],
        params: Mapping[str, object],
    ) -> Iterator[Study]:
        """Begin a study, or go on with it; a name that a person did not give gets the plan's key added.

        Args:
            what: what makes it the study that it is (`plan.Plan`).
            name: of its folder.
            named: whether a person gave the name.
            root: the folder of studies.
            dataset: what it trains on.
            command: as it was given.
            params: what MLflow shows of the whole study.

        Raises:
            StudyError: another process works on it, or the folder holds another study.
            TrackingError: MLflow's store cannot be reached.
        """
        plan = Plan.of(what, shlex.join(command))
        paths = plan.paths(root, name, named=named)
        with paths.locked():
            plan = plan.begin(paths)
            uri = store.uri(root)
            tracker = MlflowTracker(uri, root, dataset.name, paths.folder.name, plan.study_id)
            tracker.open(record.tags(list(command)), params)
            record.log_dataset(
                tracker, name=dataset.name, digest=dataset.digest, source=dataset.folder,
                classes={v.name: v.classes for v in dataset.variables}, profile={"images": len(dataset.images)},
            )  # fmt: skip
            try:
                yield cls(paths, dataset, tracker, uri)
            except BaseException:
                with suppress(TrackingError):  # the first error is the one to be told
                    tracker.close(failed=True)
                raise
            tracker.close(failed=False)

    def how_to_look(self) -> str:
        """How to open MLflow's page of this study's runs; an address of one's own may hold a password."""
        page = f"#/experiments/{self.tracker.store.experiment}/runs"
        if self.uri.startswith("http"):
            return f"The runs are at {self.uri}/{page}"
        mlflow = shutil.which("mlflow") or Path(sys.executable).with_name("mlflow")
        uri = self.uri if self.uri.startswith("sqlite:") else "$MLFLOW_TRACKING_URI"
        command = f'{shlex.quote(str(mlflow))} ui --workers 1 --backend-store-uri "{uri}"'
        return f"To look at the runs: {command}\nthen open http://127.0.0.1:5000/{page}"

    def finish(self, report: SearchReport) -> None:
        """Record what the search found: figures, files, and the network of the best final run."""
        group = report.final_group
        figures = {f"test.{name}.mean": figure.mean for name, figure in report.figures().items()}
        figures |= {f"test.{n}.std": f.deviation for n, f in report.figures().items() if f.n > 1}
        self.tracker.summary(group, figures)
        best = {"validation.best.mean_f1": report.trials[report.winner.id][1].value}
        self.tracker.summary("", best | {name: value for name, value in figures.items() if name.count(".") == 2})
        for path in (self.paths.report, self.paths.trials_table, self.paths.winner):
            self.tracker.artifact("", path)
        if run := report.best_final():
            self._log_model(group, run, report)

    def _log_model(self, group: str, run: str, report: SearchReport) -> None:
        data = loop.view(self.dataset, report.winner.experiment)
        net = predict.load(self.paths.trial(run) / "model.pt", report.winner.experiment, data)
        rows = data.rows("validation")[:2]
        example = torch.from_numpy(data.images[rows]).permute(0, 3, 1, 2).float() / 255
        names = {v.name: v.names for v in data.variables}
        network = predict.Classifier(net, tuple(names))
        about = {"run": run, "dataset": data.digest}
        model.log_model(
            self.tracker,
            group,
            network,
            example.contiguous().numpy(),
            name="silknet",
            classes=names,
            metadata=about,
        )
