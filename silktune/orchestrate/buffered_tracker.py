"""A tracker that a study need not wait for: what it cannot take now is told again later."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from silktune.errors import TrackingError
from silktune.outcome import Epoch, Outcome, Tracker
from silktune.study.paths import StudyPaths

WAIT = 30.0  # seconds between two attempts at a tracker that is away
PIECE = 5.0  # seconds in which missed calls are made up for at one go; the next call goes on with them

Call = Callable[[], None]
Key = tuple[str | int, ...]


class BufferedTracker:
    """A `Tracker` over another one that may be away for a while; it raises no `TrackingError`.

    A call that fails is kept and made again, in order, when the other is back. An outcome has all the trial's epochs,
    and the study's folder has all outcomes: so little is kept in memory, however long it takes.
    """

    def __init__(
        self,
        tracker: Tracker,
        paths: StudyPaths,
        note: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is told yet.

        Args:
            tracker: an open one.
            paths: the study's, whose outcomes are on disk before they are told.
            note: who hears, once each, that the tracker is away and that it is back.
            clock: seconds.
        """
        self._tracker, self._paths, self._note, self._clock = tracker, paths, note, clock
        self._missed: dict[Key, Call] = {}
        self._begun: dict[Key, Call] = {}  # groups, and trials without an outcome: a store may come back empty
        self._failed = False  # since when it is not known what the store has
        self._away = False  # as a person was told
        self._again = float("-inf")  # when the next attempt is made

    def open(self, tags: Mapping[str, str], params: Mapping[str, object]) -> None:
        self._tell(("open",), lambda: self._tracker.open(tags, params))

    def reopen(self) -> None:
        self._tell(("reopen",), self._tracker.reopen)

    def group(self, group: str, *, name: str, params: Mapping[str, object], tags: Mapping[str, str]) -> None:
        self._begin(("group", group), lambda: self._tracker.group(group, name=name, params=params, tags=tags))

    def trial(self, group: str, trial: str, params: Mapping[str, object], tags: Mapping[str, str]) -> None:
        self._begin(("trial", trial), lambda: self._tracker.trial(group, trial, params, tags))

    def epoch(self, trial: str, epoch: Epoch) -> None:
        self._tell(("epoch", trial, epoch.number), lambda: self._tracker.epoch(trial, epoch))

    def outcome(self, trial: str, outcome: Outcome) -> None:
        self._missed = {key: call for key, call in self._missed.items() if key[:2] != ("epoch", trial)}
        kept = None if self._away else outcome

        def tell() -> None:
            self._tracker.outcome(trial, kept or Outcome.read(self._paths.outcome(trial)))
            self._begun.pop(("trial", trial), None)

        self._tell(("outcome", trial), tell)

    def summary(self, group: str, figures: Mapping[str, float]) -> None:
        self._tell(("summary", group), lambda: self._tracker.summary(group, figures))

    def artifact(self, group: str, path: Path) -> None:
        self._tell(("artifact", group, str(path)), lambda: self._tracker.artifact(group, path))

    def close(self, *, failed: bool) -> None:
        self._tell(("close",), lambda: self._tracker.close(failed=failed))

    def _begin(self, key: Key, call: Call) -> None:
        self._begun[key] = call
        self._tell(key, call)

    def _tell(self, key: Key, call: Call) -> None:
        self._missed.pop(key, None)
        self._missed[key] = call
        if self._clock() < self._again:
            return
        error = self._attempt()
        if error and not self._away:
            error = self._attempt()  # a hiccup is not worth a word
        if error:
            self._wait(error)
        elif self._away and not self._missed:
            self._away = False
            self._note("MLflow is back, and what it missed is made up for.")

    def _attempt(self) -> TrackingError | None:
        """Tell what there is to tell, the oldest first; the error that ended it, if one did."""
        until = self._clock() + PIECE
        try:
            if self._failed:
                self._tracker.reopen()
                self._missed = self._begun | self._missed
                self._failed = False
            while self._missed and self._clock() <= until:
                key = next(iter(self._missed))
                self._missed[key]()
                del self._missed[key]
        except TrackingError as error:
            self._failed = True
            return error
        return None

    def _wait(self, error: TrackingError) -> None:
        self._again = self._clock() + WAIT
        if not self._away:
            self._away = True
            self._note(f"{error} The study goes on, and what MLflow misses is made up for when it is back.")
