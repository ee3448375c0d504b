"""A study's folder, its plan and its record in MLflow, opened together and closed together."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from silktune.api import mlflow_export
from silktune.data.dataset import Dataset
from silktune.errors import ResourceError, StudyError, TrackingError
from silktune.settings import Net
from silktune.study import mirror
from silktune.study import plan as plans
from silktune.study.ablation.results import Facts
from silktune.study.external_files import Outside
from silktune.study.metadata import Metadata
from silktune.study.paths import StudyPaths
from silktune.study.plan import Plan
from silktune.tracking import provenance, store
from silktune.tracking.relocation import ARTIFACTS
from silktune.tracking.store_errors import shown
from silktune.tracking.tracker import MlflowTracker
from silktune.versions import mixed, seen

BESIDE_STUDIES = {
    "data": "prepared data sets are kept",
    ARTIFACTS: "MLflow's artifacts are kept",
    "mlflow.db": "MLflow's record is kept",
}


@dataclass(frozen=True)
class Study:
    """An open study."""

    paths: StudyPaths
    plan: Plan
    metadata: Metadata
    tracker: MlflowTracker
    uri: str

    @classmethod
    @contextmanager
    def begin(
        cls,
        plan: Plan,
        nets: Iterable[Net],
        name: str,
        *,
        named: bool,
        root: Path,
        storage: str | None,
        dataset: Dataset,
        params: Mapping[str, object],
    ) -> Iterator[Study]:
        """Begin a study, or go on with it, until `finish`; a name that no person gave gets the plan's key added.

        Args:
            plan: what makes it the study that it is.
            nets: the networks of its trials, whose files of weights are to stay as they are.
            name: of its folder.
            named: whether a person gave the name.
            root: the folder of studies.
            storage: where data, checkpoints and a copy of the study are kept for other machines; None: nowhere.
            dataset: what it trains on.
            params: what MLflow shows of the whole study.

        Raises:
            StudyError: another process works on it, the folder holds another study, a file of weights changed, or the
                name is taken for what lies beside studies.
            TrackingError: MLflow's store cannot be reached.
        """
        _check_name(name, named, root)
        paths = plan.paths(root, name, named=named, storage=storage)
        with paths.locked():
            mirror.restore(paths)
            outside = Outside.read(paths).with_(nets)
            command, plan = plan.command, plans.begin(plan, paths)
            outside.write()
            uri = store.uri(root)
            tracker = MlflowTracker(uri, root, dataset.name, paths.folder.name, plan.study_id)
            metadata = Metadata(
                tags=seen(Metadata.tags_before(paths), provenance.tags(command)), params=dict(params),
                data=Facts.of(dataset), folder=dataset.folder.absolute(),
            )  # fmt: skip
            tracker.open(metadata.tags, metadata.params)
            mlflow_export.log_dataset(metadata, tracker)
            metadata.write(paths)
            try:
                yield cls(paths, plan, metadata, tracker, uri)
            except BaseException:
                with suppress(OSError):  # the first error is the one to be told
                    metadata.end(paths, failed=True)
                with suppress(TrackingError):
                    tracker.close(failed=True)
                raise

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know before it goes on: of how MLflow's store was opened, of versions."""
        return (*self.tracker.store.notes, *filter(None, [mixed(self.metadata.tags)]))

    def how_to_look(self) -> str:
        """How to open MLflow's page of this study's runs."""
        return how_to_look(self.uri, self.tracker.store.experiment)

    def finish(self) -> list[str]:
        """End the study: its whole record is written from its folder, so that nothing is missing that was missed.

        Returns:
            What could not be written, in sentences. An MLflow or a storage that is away does not undo a study that is
            done.
        """
        self.metadata.end(self.paths, failed=False)
        return [*self._record(), *self._copy()]

    def _record(self) -> list[str]:
        try:
            self.tracker.reopen()
            written = mlflow_export.write(self.plan, self.metadata, self.paths, self.tracker)
            self.tracker.close(failed=False)
        except TrackingError as error:
            command = f"silktune mlflow sync {shlex.quote(str(self.paths.folder))}"
            return [
                f"{error} The study is done, but MLflow's record of it is not complete; this completes it: {command}"
            ]
        return [*self.tracker.store.notes, *written.missing]

    def _copy(self) -> list[str]:
        try:
            mirror.Mirror(self.paths, lambda _: None).finish()
        except ResourceError as error:
            return [f"{error} The study is done, but its copy there is not complete; the same command completes it."]
        return []


def _check_name(name: str, named: bool, root: Path) -> None:
    if named and (kept := BESIDE_STUDIES.get(name.casefold())):
        raise StudyError(f"--name {name}: {root / name} is where {kept}. Give another --name.")


def how_to_look(uri: str, experiment: str) -> str:
    """How to open MLflow's page of an experiment's runs; an address of one's own may hold a password."""
    page = f"#/experiments/{experiment}/runs"
    if uri.startswith("http"):
        return f"The runs are at {shown(uri)}/{page}"
    mlflow = shutil.which("mlflow") or Path(sys.executable).with_name("mlflow")
    store = shlex.quote(uri) if uri.startswith("sqlite") else '"$MLFLOW_TRACKING_URI"'
    command = f"{shlex.quote(str(mlflow))} ui --workers 1 --backend-store-uri {store}"
    return f"To look at the runs: {command}\nthen open http://127.0.0.1:5000/{page}"
