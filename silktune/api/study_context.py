"""A study's folder, its plan and its record in MLflow, opened together and closed together."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from silktune.api import mlflow_sync
from silktune.api.mlflow_page import how_to_look
from silktune.data.dataset import Dataset
from silktune.errors import ResourceError, StudyError, TrackingError
from silktune.settings import Net
from silktune.study import mirror
from silktune.study import plan as plans
from silktune.study.data_facts import Facts
from silktune.study.external_files import Outside
from silktune.study.metadata import Metadata
from silktune.study.paths import StudyPaths
from silktune.study.plan import Plan
from silktune.tracking import provenance, request_limits, store
from silktune.tracking.mlflow_tracker import MlflowTracker
from silktune.tracking.relocation import ARTIFACTS
from silktune.versions import mixed, seen

BESIDE_STUDIES = {
    "data": "prepared data sets are kept",
    ARTIFACTS: "MLflow's artifacts are kept",
    "mlflow.db": "MLflow's record is kept",
}


@dataclass(frozen=True)
class StudyFolder:
    """Where a person wants a study to lie."""

    root: Path  # the folder of studies
    name: str | None  # of its own folder; None: its title, with the plan's key added
    storage: str | None  # where data, checkpoints and a copy of the study are kept for other machines; None: nowhere

    def paths(self, plan: Plan, title: str) -> StudyPaths:
        """The folder of the study with this plan.

        Raises:
            StudyError: the name is taken for what lies beside studies.
        """
        if self.name is not None and (kept := BESIDE_STUDIES.get(self.name.casefold())):
            raise StudyError(f"--name {self.name}: {self.root / self.name} is where {kept}. Give another --name.")
        return plan.paths(self.root, self.name or title, named=self.name is not None, storage=self.storage)


@dataclass(frozen=True)
class Study:
    """A study that is worked on."""

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
        title: str,
        folder: StudyFolder,
        *,
        dataset: Dataset,
        params: Mapping[str, object],
    ) -> Iterator[Study]:
        """Begin a study, or go on with it, until `finish`.

        Args:
            plan: what makes it the study that it is.
            nets: the networks of its trials, whose files of weights are to stay as they are.
            title: its name if no person gives it one.
            folder: where it lies.
            dataset: what it trains on.
            params: what MLflow shows of the whole study.

        Raises:
            StudyError: another process works on it, the folder holds another study, a file of weights changed, or the
                name is taken for what lies beside studies.
            TrackingError: MLflow's store cannot be reached.
        """
        paths, root = folder.paths(plan, title), folder.root
        with paths.locked(), request_limits.kept():  # a thread tells MLflow, and Ray is started meanwhile
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
            mlflow_sync.log_dataset(metadata, tracker)
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

    def finish(self, register: str | None = None) -> tuple[list[str], str]:
        """End the study: its whole record is written from its folder, so that nothing is missing that was missed.

        Args:
            register: a name in MLflow's registry for the model of a search; None: it is not registered.

        Returns:
            What could not be written, in sentences (an MLflow or a storage that is away does not undo a study that is
            done); and what came of registering, "" if nothing was registered.
        """
        self.metadata.end(self.paths, failed=False)
        unrecorded, registered = self._record(register)
        return [*unrecorded, *self._copy()], registered

    def _record(self, register: str | None) -> tuple[list[str], str]:
        try:
            self.tracker.reopen()
            written = mlflow_sync.write(self.plan, self.metadata, self.paths, self.tracker, register)
            self.tracker.close(failed=False)
        except TrackingError as error:
            words = [str(self.paths.folder), *(["--register", register] if register else [])]
            command = f"silktune mlflow sync {shlex.join(words)}"
            return [
                f"{error} The study is done, but MLflow's record of it is not complete; this completes it: {command}"
            ], ""
        return [*self.tracker.store.notes, *written.missing], written.registered

    def _copy(self) -> list[str]:
        try:
            mirror.Mirror(self.paths, lambda _: None).finish()
        except ResourceError as error:
            return [f"{error} The study is done, but its copy there is not complete; the same command completes it."]
        return []
