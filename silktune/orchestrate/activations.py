"""The activations that a study's trials read: computed once, before the first trial that needs them.

Where all trials run on this machine the driver computes them, with all that the machine has. On a cluster each node
computes its own, beside its copy of the data set, before its first trial: nothing goes through the driver.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from silktune.core.activations import compute
from silktune.core.activations.key import Key
from silktune.core.activations.needed import needed, serving
from silktune.core.activations.store import ActivationStore
from silktune.core.device import prepare_device
from silktune.data.dataset import Dataset
from silktune.orchestrate.executors import Executor
from silktune.settings import Experiment, Runtime

if TYPE_CHECKING:
    from silktune.orchestrate.coordinator import Watcher


@dataclass
class StudyActivations:
    """What is kept for the trials of a study."""

    data: Dataset
    executor: Executor
    gigabytes: float | None  # that they may take; 0: nothing is kept; None: half of what is free
    watcher: Watcher
    keys: dict[Key, None] = field(default_factory=dict)
    asked: set[Key] = field(default_factory=set)  # keys that were seen to, whether or not they could be kept
    room: compute.Room | None = None  # that is left, once it was looked at

    def compute(self, experiments: Iterable[Experiment]) -> None:
        """See to it that what these trainings read is there, or will be on the node that needs it.

        Raises:
            SilktuneError: a trunk cannot be built.
        """
        if self.gigabytes == 0:
            return
        wanted = {key: cut for key, cut in needed(experiments, self.data).items() if key not in self.asked}
        self.asked |= wanted.keys()
        if not self.executor.here:
            self.keys |= dict.fromkeys(wanted)
            return
        self.room = self.room or compute.Room.of(self.data, self.gigabytes)
        with _all_cores(self.executor.device) as device:
            self.keys |= dict.fromkeys(compute.compute(wanted, self.data, device, self.room, self.watcher, verify=True))

    def of(self, experiment: Experiment) -> tuple[Key, ...]:
        """Those that a training reads."""
        return tuple(serving(experiment, self.data, self.keys))


@contextmanager
def _all_cores(device: str) -> Iterator[torch.device]:
    """The device, prepared for every core that this process may use; torch's threads are then as before."""
    threads = torch.get_num_threads()
    try:
        yield prepare_device(Runtime(device=device, threads=len(os.sched_getaffinity(0))))
    finally:
        torch.set_num_threads(threads)


class NoActivations:
    """Where nothing is kept, every trial computes all."""

    gigabytes = 0.0

    def compute(self, experiments: Iterable[Experiment]) -> None: ...

    def of(self, experiment: Experiment) -> tuple[Key, ...]:
        return ()


class _Silent:
    """Nobody hears of what a node computes for itself."""

    def computing(self, done: int, total: int) -> None: ...

    def note(self, sentence: str) -> None: ...


def stores(
    keys: Iterable[Key],
    experiment: Experiment,
    data: Dataset,
    runtime: Runtime,
    gigabytes: float | None,
    listener: compute.Listener | None = None,
) -> list[ActivationStore]:
    """The stores that a training reads on this machine; what is not there is computed, while other processes wait.

    Args:
        keys: that it reads.
        experiment: the training's.
        data: the data set.
        runtime: what computes.
        gigabytes: that they may take; 0: none are read; None: half of what is free.
        listener: hears, and what is there is verified; None: nobody does.

    Raises:
        SilktuneError: a trunk cannot be built.
    """
    if gigabytes == 0:
        return []
    cut = {key: experiment.with_({"net.NB_RN": key.NB_RN}) for key in keys}
    device, room = prepare_device(runtime), compute.Room.of(data, gigabytes)
    whole = compute.compute(cut, data, device, room, listener or _Silent(), verify=listener is not None)
    return [ActivationStore.of(data.store, key) for key in whole]
