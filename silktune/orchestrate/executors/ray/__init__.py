"""Trials on the processes of a Ray, of this command or of a cluster."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from silktune.data.dataset import Dataset
from silktune.orchestrate.coordinator import Coordinator
from silktune.orchestrate.executors.ray import connection, tune
from silktune.orchestrate.executors.resources import Placement, Resources

Result = TypeVar("Result")


class RayExecutor:
    """A Ray, and how trials are placed on it."""

    def __init__(self, placement: Placement) -> None:
        self.placement = placement

    @property
    def device(self) -> str:
        return self.placement.device

    @property
    def here(self) -> bool:
        return not self.placement.address

    def open(self) -> AbstractContextManager[None]:
        return connection.connected(self.placement)

    def resources(self) -> Resources:
        return connection.resources(self.placement)

    def run(self, coordinator: Coordinator, data: Dataset, *, test: bool, seconds: float | None = None) -> None:
        tune.run_trials(coordinator, data, self.placement, test=test, seconds=seconds)

    def call(self, work: Callable[..., Result], *args: Any) -> Result:
        return tune.call_remotely(self.resources(), work, *args)


def executor(placement: Placement) -> RayExecutor:
    """Trials on a Ray, placed so."""
    return RayExecutor(placement)
