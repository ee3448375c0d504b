"""What an executor is, whatever trials run on.

It asks the coordinator for trials until there are no more, and tells it every epoch and what each trial ended
with. A new one is a module here with a function `executor(placement)`, and its name in EXECUTORS.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from silktune.orchestrate.executors.resources import Placement, Resources

if TYPE_CHECKING:
    from silktune.data.dataset import Dataset
    from silktune.orchestrate.coordinator import Coordinator

EXECUTORS = ("ray", "local")
Result = TypeVar("Result")


class Executor(Protocol):
    """Runs trials."""

    @property
    def device(self) -> str:
        """What trials are asked to run on: auto, cpu or cuda."""

    @property
    def here(self) -> bool:
        """Whether all trials run on this machine."""

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
    """The executor of this kind, for trials that are placed so; only its own module is imported.

    Raises:
        ResourceError: it cannot do what the placement asks for.
    """
    made: Executor = import_module(f"{__package__}.{kind}").executor(placement)
    return made
