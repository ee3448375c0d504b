"""Trials that are known beforehand: each is trained once, perhaps tested, and gone on with where it stopped."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from silktune.data.dataset import Dataset
from silktune.orchestrate.coordinator import Coordinator
from silktune.orchestrate.executors import Executor
from silktune.outcome import Epoch, Outcome
from silktune.study.plan import Trial


class ListSource:
    """Hands out a list of trials, each once, and keeps their outcomes."""

    def __init__(self, trials: Iterable[Trial]) -> None:
        self.waiting = deque(trials)
        self.outcomes: dict[str, Outcome] = {}

    def next(self) -> Trial | None:
        return self.waiting.popleft() if self.waiting else None

    def epoch(self, trial: Trial, epoch: Epoch) -> bool:
        """Never stopped early."""
        return False

    def outcome(self, trial: Trial, outcome: Outcome) -> None:
        self.outcomes[trial.id] = outcome


def run_list(
    source: ListSource, coordinator: Coordinator, data: Dataset, executor: Executor, *, test: bool = True
) -> None:
    """Train what is left of the source's trials, and perhaps test it; the executor is not opened if nothing is.

    Raises:
        SilktuneError: nothing can be trained so.
        Interrupted: a person stopped it.
    """
    source.waiting = deque([trial for trial in source.waiting if not coordinator.catch_up(trial)])
    if not source.waiting:
        return
    coordinator.activations.compute(trial.seeded() for trial in source.waiting)
    coordinator.asked_all = False
    with executor.open():
        executor.run(coordinator, data, test=test)
    coordinator.check_complete()
