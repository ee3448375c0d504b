"""Who hears what happens while something runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from silktune.outcome import Epoch, Outcome

if TYPE_CHECKING:
    from silktune.orchestrate.coordinator import Watcher
    from silktune.study.plan import Trial


@dataclass(frozen=True)
class Begun:
    """A study that begins, or goes on."""

    folder: Path
    data: str  # the data set's name
    digest: str  # and its digest
    question: str = ""  # of an ablation
    trials: tuple[str, ...] = ()  # run 1 of every row of an ablation; those of a search are not known yet


class Progress:
    """A watcher that hears nothing; override what you want to hear.

    Whatever else has `started`, `epoch`, `ended` and `note` may be given in its place.
    """

    def preparing(self, done: int, total: int) -> None:
        """Images of a label table that were prepared, of how many."""

    def computing(self, done: int, total: int) -> None:
        """Images whose activations were computed, of how many."""

    def begun(self, study: Begun) -> None:
        """A study begins, or goes on."""

    def started(self, trial: Trial) -> None:
        """A trial begins, or goes on."""

    def epoch(self, trial: Trial, epoch: Epoch) -> None:
        """An epoch of a trial is done."""

    def ended(self, trial: Trial, outcome: Outcome) -> None:
        """A trial has ended, now or before."""

    def note(self, sentence: str) -> None:
        """Something that a person should know."""


class Listener(Progress):
    """Tells a watcher, if there is one, and keeps the notes."""

    def __init__(self, watcher: Watcher | None) -> None:
        self.notes: list[str] = []
        self._watcher = watcher or Progress()

    def preparing(self, done: int, total: int) -> None:
        if isinstance(self._watcher, Progress):
            self._watcher.preparing(done, total)

    def computing(self, done: int, total: int) -> None:
        if isinstance(self._watcher, Progress):
            self._watcher.computing(done, total)

    def begun(self, study: Begun) -> None:
        if isinstance(self._watcher, Progress):
            self._watcher.begun(study)

    def started(self, trial: Trial) -> None:
        self._watcher.started(trial)

    def epoch(self, trial: Trial, epoch: Epoch) -> None:
        self._watcher.epoch(trial, epoch)

    def ended(self, trial: Trial, outcome: Outcome) -> None:
        self._watcher.ended(trial, outcome)

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)
        self._watcher.note(sentence)

    def say(self, sentences: Iterable[str]) -> None:
        """Note each."""
        for sentence in sentences:
            self.note(sentence)
