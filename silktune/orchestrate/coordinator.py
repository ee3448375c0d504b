"""The driver's coordinator: what comes from the workers is written down here, and nowhere else.

Order matters: an outcome is written to the study's folder first (the truth), then told to the person who watches, to
the source that asked for the trial, and to the tracker. After a crash at any point the next start makes up for
what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from silktune.core import early_stopping
from silktune.core.checkpoint import FILE as CHECKPOINT
from silktune.errors import Interrupted, reason
from silktune.model import folder as model_folder
from silktune.orchestrate.activations import NoActivations, StudyActivations
from silktune.orchestrate.study_tracking import close_record, open_record
from silktune.outcome import Epoch, Outcome, StopOn, Tracker
from silktune.study import predictions
from silktune.study.external_files import Outside
from silktune.study.mirror import Mirror
from silktune.study.paths import StudyPaths
from silktune.study.plan import Trial
from silktune.versions import versions


class Source(Protocol):
    """Who decides which trials are run."""

    def next(self) -> Trial | None:
        """The next trial, or None when there are no more."""

    def epoch(self, trial: Trial, epoch: Epoch) -> bool:
        """Hear of an epoch; True stops the trial."""

    def outcome(self, trial: Trial, outcome: Outcome) -> None:
        """Hear what a trial ended with."""


class Watcher(Protocol):
    """Who shows a person what happens."""

    def started(self, trial: Trial) -> None: ...

    def epoch(self, trial: Trial, epoch: Epoch) -> None: ...

    def ended(self, trial: Trial, outcome: Outcome) -> None: ...

    def note(self, sentence: str) -> None: ...

    def computing(self, done: int, total: int) -> None: ...


@dataclass
class Coordinator:
    """Everything that the driver has to keep in step."""

    paths: StudyPaths
    digest: str
    tracker: Tracker  # one that does not fail: `buffered_tracker.BufferedTracker`
    watcher: Watcher
    source: Source
    mirror: Mirror
    activations: StudyActivations | NoActivations = field(default_factory=NoActivations)
    keep_models: bool = False
    twins: dict[str, str] = field(default_factory=dict)  # fingerprint → the trial that finished with it
    tags: Mapping[str, str] = field(default_factory=dict)  # of every trial's record
    running: dict[str, Trial] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)  # of those that run, as they were begun
    asked_all: bool = False  # the source has no more trials
    _epochs: dict[str, dict[int, Epoch]] = field(default_factory=dict)

    @cached_property
    def outside(self) -> Outside:
        """What lies outside the study's folder, as it was when the study began."""
        return Outside.read(self.paths)

    def next(self) -> Trial | None:
        """The next trial to run; one whose outcome is known, its own or of a trial that is the same, is not run.

        Raises:
            StudyError: its file of weights has another content than when the study began.
            SettingsError: the file is missing.
        """
        while trial := self.source.next():
            if outcome := self._known(trial):
                self.close(trial, outcome)
                continue
            self.outside.check(trial.experiment.net)
            self.running[trial.id] = trial
            self.fingerprints[trial.id] = trial.fingerprint(self.digest)
            self._epochs[trial.id] = {}
            open_record(self.tracker, trial, self.fingerprints[trial.id], self.tags)
            self.watcher.started(trial)
            self.mirror.update()
            return trial
        self.asked_all = True
        return None

    def catch_up(self, trial: Trial) -> bool:
        """Whether a trial's outcome is known already; if so, what a crash kept from the record is made up for."""
        outcome = self._known(trial)
        if outcome:
            self._tell(trial, outcome)
        return outcome is not None

    def check_complete(self) -> None:
        """Make sure that everything was run.

        Raises:
            Interrupted: a person stopped it before.
        """
        if self.running or not self.asked_all:
            during = f" during {', '.join(sorted(self.running))}" if self.running else ""
            raise Interrupted(f"Interrupted{during}. What is done is kept; the same command goes on.")

    def _known(self, trial: Trial) -> Outcome | None:
        own, fingerprint = self.paths.outcome(trial.id), trial.fingerprint(self.digest)
        if own.exists() and (outcome := Outcome.read(own)).state != "failed" and outcome.fingerprint == fingerprint:
            self._tidy(trial, outcome)
            return outcome
        twin = self.twins.get(fingerprint)
        if twin is None:
            return None
        outcome = Outcome.read(self.paths.outcome(twin)).model_copy(update={"reason": f"the same settings as {twin}"})
        if self.paths.predictions(twin).exists():
            predictions.copy(self.paths.predictions(twin), self.paths.predictions(trial.id))
        outcome.write(own)
        return outcome

    def died(self, name: str) -> None:
        """A trial's process was killed; it is run again."""
        if name in self.running:
            how = (
                "goes on from its last checkpoint"
                if self._has_epoch(name)
                else "begins anew, since it had done no epoch"
            )
            self.watcher.note(f"{name}: its process died; it {how}.")

    def _has_epoch(self, name: str) -> bool:
        """Whether a trial has a checkpoint; where its place cannot be asked, it has if an epoch was told."""
        try:
            return CHECKPOINT in self.paths.place(name).files()
        except OSError:
            return bool(self._epochs[name])

    def epoch(self, name: str, epoch: Epoch) -> bool:
        """Write an epoch down, once however often it is reported; True stops the trial, which is then over."""
        trial, known = self.running[name], self._epochs[name]
        if epoch.number in known:
            return False
        known[epoch.number] = epoch
        self.tracker.epochs(name, [epoch])
        self.watcher.epoch(trial, epoch)
        stop = self.source.epoch(trial, epoch)
        if stop:
            self.end(name, pruned(tuple(known.values()), trial.experiment.train.stop_on))
        return stop

    def end(self, name: str, outcome: Outcome) -> None:
        """Write down what a running trial ended with; before it, what it predicted if it was tested.

        Raises:
            ResourceError: its predictions cannot be had.
        """
        if outcome.test:
            predictions.bring(self.paths.place(name), self.paths.predictions(name))
        trial = self.running.pop(name)
        known = self._epochs.pop(name, {})
        epochs = outcome.epochs or tuple(known.values())
        own = {"fingerprint": self.fingerprints.pop(name), "versions": outcome.versions or versions()}
        outcome = outcome.model_copy(update={"epochs": epochs, **own})
        outcome.write(self.paths.outcome(name))
        self._tidy(trial, outcome)
        self.close(trial, outcome)

    def close(self, trial: Trial, outcome: Outcome) -> None:
        """Tell everyone an outcome that is on disk."""
        self.watcher.ended(trial, outcome)
        self._tell(trial, outcome)
        self.mirror.update()

    def _tell(self, trial: Trial, outcome: Outcome) -> None:
        if outcome.state == "finished":
            self.twins.setdefault(outcome.fingerprint, trial.id)
        self.source.outcome(trial, outcome)
        close_record(self.tracker, trial, outcome, self.tags)

    def _tidy(self, trial: Trial, outcome: Outcome) -> None:
        """Of a trial that is over only a model that is wanted is kept, on this machine too."""
        place, kept = self.paths.place(trial.id), self.keep_models and outcome.state == "finished"
        with suppress(OSError):
            for name in (CHECKPOINT, predictions.FILE) if kept else ("",):
                place.remove(name)
        if kept:
            try:
                model_folder.bring(place / model_folder.FOLDER, self.paths.model(trial.id))
            except OSError as error:
                self.watcher.note(f"The model of {trial.id} could not be copied from {place} ({reason(error)}).")


def pruned(epochs: tuple[Epoch, ...], stop_on: StopOn) -> Outcome:
    """The outcome of a trial that was stopped because others are ahead."""
    best = early_stopping.best(epochs, stop_on)
    return Outcome(
        state="pruned", reason=f"behind after epoch {epochs[-1].number}", best_epoch=best.number, stop_on=stop_on,
        epochs=epochs, validation=best.validation, seconds=sum(epoch.seconds for epoch in epochs),
    )  # fmt: skip
