"""What a worker is told of a trial, and what it does: train, perhaps test, and end with one outcome."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from silktune import __version__
from silktune.core.activations.key import Key
from silktune.core.collective import ALONE, World
from silktune.data.dataset import Dataset
from silktune.data.shared_dataset import Whereabouts
from silktune.errors import ResourceError, SettingsError, SilktuneError, unforeseen
from silktune.outcome import Outcome, Reporter
from silktune.settings import Experiment, Runtime
from silktune.study.external_files import BACK

if TYPE_CHECKING:
    from silktune.orchestrate.coordinator import Coordinator

CHECKPOINTS = "SILKTUNE_CHECKPOINT_SECONDS"  # between two checkpoints of a trial


class Job(BaseModel):
    """A trial as an executor hands it to a worker, in this process or on another machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trial: str
    experiment: Experiment  # with the seed of its run
    runtime: Runtime
    data: Whereabouts
    digest: str  # of the data set when the study was begun
    weights: str | None  # of the file of weights when the study was begun; None: it reads none
    test: bool  # whether the result is tested on the test set
    activations: tuple[Key, ...] = ()  # that are read; where this machine has none, it computes them
    cache_gb: float | None = None  # that they may take on a machine that computes its own
    silktune: str = __version__  # of whoever made the job


def job(coordinator: Coordinator, trial: str, data: Whereabouts, device: str, threads: int, *, test: bool) -> Job:
    """The job of a trial that the coordinator has begun."""
    experiment = coordinator.running[trial].seeded()
    folder = coordinator.paths.place(trial).where
    runtime = Runtime(
        device=device, threads=threads, folder=folder, keep_model=coordinator.keep_models,
        checkpoint_seconds=_checkpoint_seconds(),
    )  # fmt: skip
    weights = coordinator.outside.files.get(experiment.net.weights)
    return Job(
        trial=trial,
        experiment=experiment,
        runtime=runtime,
        data=data,
        digest=coordinator.digest,
        weights=weights,
        test=test,
        activations=coordinator.activations.of(experiment),
        cache_gb=coordinator.activations.gigabytes,
    )


def _checkpoint_seconds() -> float:
    """How long a trial may go on without a checkpoint; less where nodes are often lost.

    Raises:
        ResourceError: the variable holds no such number.
    """
    written = os.environ.get(CHECKPOINTS, "")
    try:
        seconds = float(written) if written else Runtime().checkpoint_seconds
        return Runtime(checkpoint_seconds=seconds).checkpoint_seconds
    except ValueError as error:
        raise ResourceError(f"{CHECKPOINTS}={written}: it may be a number of seconds, 0 or more.") from error


def train(job: Job, report: Reporter, world: World = ALONE) -> Outcome:
    """Do a job, as one of the workers of `world`; every epoch is told to `report`.

    What a tested run says of each image of the test set is left beside its checkpoint, and its model, if it is wanted
    (`model.finished_run`).

    Raises:
        ResourceError: this machine fails, or has another version of silktune.
        SilktuneError: this training cannot be done.
    """
    if job.silktune != __version__:
        raise ResourceError(f"A node has silktune {__version__}, the driver {job.silktune}. Install the same.")
    from silktune.core import training
    from silktune.model import finished_run
    from silktune.orchestrate import activations

    data = job.data.open()
    _check_same(job, data)
    stores = activations.stores(job.activations, job.experiment, data, job.runtime, job.cache_gb)
    trained = training.fit(job.experiment, job.runtime, data, report, world, stores)
    return finished_run.finish(trained, job.runtime, job.trial, test=job.test, first=world.rank == 0)


def _check_same(job: Job, data: Dataset) -> None:
    """What a trial reads has to be what the study was begun with; if it is not, no trial can be trained.

    Raises:
        ResourceError: a file is missing, or has another content.
    """
    if data.digest != job.digest:
        raise ResourceError(f"{data.folder} is another data set now: {data.digest}, not {job.digest}.")
    net = job.experiment.net
    try:
        if job.weights not in (None, net.weights_digest):
            raise ResourceError(f"net.weights: {net.weights} has another content than when the study began. {BACK}.")
    except SettingsError as error:
        raise ResourceError(str(error)) from error


def outcome_of(training: Callable[[], Outcome], *left_alone: type[BaseException]) -> Outcome:
    """What a training ends with, whatever happens: one that fails by itself would fail again, and says why.

    Args:
        training: what trains.
        left_alone: errors that are no fault of the training.

    Raises:
        ResourceError: the machine failed, which would fail every trial.
    """
    no_fault: tuple[type[BaseException], ...] = (ResourceError, *left_alone)
    try:
        return training()
    except no_fault:
        raise
    except SilktuneError as error:
        return Outcome(state="failed", reason=str(error))
    except Exception as error:
        return Outcome(state="failed", reason=unforeseen(error))
