"""What a worker is told of a trial, and what it does: train, perhaps test, and end with one outcome."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from silktune import __version__
from silktune.core.collective import ALONE, World
from silktune.data.dataset import Dataset
from silktune.data.shared_dataset import Whereabouts
from silktune.errors import ResourceError, SettingsError, SilktuneError, unforeseen
from silktune.outcome import Outcome, Reporter
from silktune.settings import Experiment, Runtime
from silktune.study.external_files import BACK

if TYPE_CHECKING:
    from silktune.orchestrate.coordinator import Coordinator


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
    silktune: str = __version__  # of whoever made the job


def job(coordinator: Coordinator, trial: str, data: Whereabouts, device: str, threads: int, *, test: bool) -> Job:
    """The job of a trial that the coordinator has begun."""
    experiment = coordinator.running[trial].seeded()
    runtime = Runtime(device=device, threads=threads, folder=coordinator.paths.place(trial).where)
    weights = coordinator.outside.files.get(experiment.net.weights)
    return Job(
        trial=trial,
        experiment=experiment,
        runtime=runtime,
        data=data,
        digest=coordinator.digest,
        weights=weights,
        test=test,
    )


def train(job: Job, report: Reporter, world: World = ALONE) -> Outcome:
    """Do a job, as one of the workers of `world`; every epoch is told to `report`.

    Raises:
        ResourceError: this machine fails, or has another version of silktune.
        SilktuneError: this training cannot be done.
    """
    if job.silktune != __version__:
        raise ResourceError(f"A node has silktune {__version__}, the driver {job.silktune}. Install the same.")
    from silktune.core import predict, training

    data = job.data.open()
    _check_same(job, data)
    net, outcome = training.fit(job.experiment, job.runtime, data, report, world)
    if job.test:
        scores = predict.evaluate(net, training.view(data, job.experiment), "test", next(net.parameters()).device)
        outcome = outcome.model_copy(update={"test": scores})
    return outcome


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
