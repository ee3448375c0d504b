"""Trials one after the other in this process, without a Ray: for small machines, notebooks and debugging."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from silktune.data.dataset import Dataset
from silktune.data.shared_dataset import Whereabouts
from silktune.errors import ResourceError
from silktune.orchestrate.coordinator import Coordinator
from silktune.orchestrate.executors.job import Job, job, outcome_of, train
from silktune.orchestrate.executors.resources import Placement, Resources
from silktune.outcome import Epoch

Result = TypeVar("Result")


class _Leave(BaseException):
    """Leaves a training whose epochs nobody waits for any more; its checkpoint stays.

    Its cause is what went wrong outside of the training, if something did.
    """


class LocalExecutor:
    """This process, with all its CPU cores and its first GPU."""

    here = True

    def __init__(self, device: str) -> None:
        self.device = device

    @contextmanager
    def open(self) -> Iterator[None]:
        """There is nothing to start; afterwards torch has as many threads as before."""
        import torch

        threads = torch.get_num_threads()
        try:
            yield
        finally:
            torch.set_num_threads(threads)

    def resources(self) -> Resources:
        import torch

        gpus = float(self.device != "cpu" and torch.cuda.is_available())
        return Resources(concurrent=1, workers=1, cpus=float(len(os.sched_getaffinity(0))), gpus=gpus)

    def run(self, coordinator: Coordinator, data: Dataset, *, test: bool, seconds: float | None = None) -> None:
        end = None if seconds is None else time.monotonic() + seconds
        where, threads = Whereabouts.of(data, coordinator.paths.storage), self.resources().threads
        while (end is None or time.monotonic() < end) and (trial := coordinator.next()):
            self._run(job(coordinator, trial.id, where, self.device, threads, test=test), coordinator, end)

    def _run(self, job: Job, coordinator: Coordinator, end: float | None) -> None:
        def report(epoch: Epoch) -> None:
            try:
                stop = coordinator.epoch(job.trial, epoch)
            except Exception as error:
                raise _Leave from error
            if stop or (end is not None and time.monotonic() >= end):
                raise _Leave

        try:
            outcome = outcome_of(lambda: train(job, report))
        except _Leave as leave:
            if leave.__cause__:
                raise leave.__cause__ from None
            return
        except ResourceError as error:
            raise ResourceError(f"{job.trial}: {error} What is done is kept; the same command goes on.") from error
        coordinator.end(job.trial, outcome)

    def call(self, work: Callable[..., Result], *args: Any) -> Result:
        return work(*args)


def executor(placement: Placement) -> LocalExecutor:
    """One trial after the other, in one process on one machine; RAY_ADDRESS is for commands that want a Ray.

    Raises:
        ResourceError: the placement asks for more.
    """
    options = {
        f"--concurrent {placement.concurrent}": placement.concurrent > 1,
        f"--workers-per-trial {placement.workers}": placement.workers > 1,
        f"--gpus-per-trial {placement.gpus or 0:g}": placement.gpus not in (None, 0, 1),
        f"--address {placement.address}": placement.address not in (None, os.environ.get("RAY_ADDRESS")),
    }
    if too_much := [option for option, wanted in options.items() if wanted]:
        raise ResourceError(
            f"--executor local runs one trial after the other in this process, without a Ray: {', '.join(too_much)} "
            "cannot be. Leave it out, or take --executor ray."
        )
    return LocalExecutor(placement.device)
