"""Where trials are run: `ray` on the processes of a Ray, `local` in this one. No other room knows which it is.

An executor asks the coordinator for trials until there are no more, and tells it every epoch and what each trial ended
with. A new one is a class with these four methods and an entry in `executor`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from silktune.errors import ResourceError
from silktune.orchestrate.executors.resources import Placement, Resources

if TYPE_CHECKING:
    from silktune.data.dataset import Dataset
    from silktune.orchestrate.coordinator import Coordinator

Result = TypeVar("Result")


class Executor(Protocol):
    """Runs trials."""

    @property
    def device(self) -> str:
        """What trials are asked to run on: auto, cpu or cuda."""

    def open(self) -> AbstractContextManager[None]:
        """Have ready what trials run on, for as long as it is needed; inside, the other methods may be called.

        Raises:
            ResourceError: it is not to be had.
        """

    def resources(self) -> Resources:
        """What each worker of a trial gets.

        Raises:
            ResourceError: there is not as much as was asked for.
        """

    def run(self, coordinator: Coordinator, data: Dataset, *, test: bool, seconds: float | None = None) -> None:
        """Run what the coordinator's source asks for until it asks for no more, or the time is over.

        Args:
            coordinator: where everything is written down.
            data: the prepared data set.
            test: whether the trials are tested on the test set when they are done.
            seconds: after which running trials are stopped; they go on from their checkpoints another time.

        Raises:
            ResourceError: the machine fails, or what is asked for can never be placed.
        """

    def call(self, work: Callable[..., Result], *args: Any) -> Result:
        """Call a function where a trial would run, with what a trial gets.

        Raises:
            SilktuneError: what the function raises.
        """


def executor(kind: str, placement: Placement) -> Executor:
    """The executor of this kind, for trials that are placed so.

    Raises:
        ResourceError: it cannot do what the placement asks for.
    """
    if kind == "local":
        from silktune.orchestrate.executors.local import LocalExecutor

        _check_local(placement)
        return LocalExecutor(placement.device)
    from silktune.orchestrate.executors.ray import RayExecutor

    return RayExecutor(placement)


def _check_local(placement: Placement) -> None:
    """One trial after the other, in one process on one machine; RAY_ADDRESS is for commands that want a Ray."""
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
