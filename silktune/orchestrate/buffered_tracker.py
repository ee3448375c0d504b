"""A tracker that a study need not wait for: what it cannot take now is told again later.

By itself it tells on the thread that calls it; `telling_beside` has another thread do that.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from silktune.errors import TrackingError
from silktune.orchestrate.teller import Teller
from silktune.outcome import Epoch, Outcome, Tracker
from silktune.study.paths import StudyPaths

WAIT = 30.0  # seconds between two attempts at a tracker that is away
PIECE = 5.0  # seconds in which missed calls are made up for at one go; the next call goes on with them
MANY = 50  # calls that wait; from then on an outcome is read again from its file when it is told

Call = Callable[[], None]
Key = tuple[str, ...]


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
        self._teller: Teller | None = None
        self._lock = threading.Lock()  # of the three that follow
        self._missed: dict[Key, Call] = {}  # what is to be told
        self._begun: dict[Key, Call] = {}  # groups, and trials without an outcome: a store may come back empty
        self._epochs: dict[str, list[Epoch]] = {}  # of each trial, what is to be told
        self._failed = False  # since when it is not known what the store has
        self._away = False  # as a person was told
        self._again = float("-inf")  # when the next attempt is made

    @contextmanager
    def telling_beside(self) -> Iterator[None]:
        """Inside, a thread of its own tells, so that nobody waits for the tracker; this thread alone may call.

        At the end it has told what there was, unless the tracker is away or too slow. An error of the thread that is
        no TrackingError is raised here.
        """
        self._teller = Teller(self.send, lambda: bool(self._missed), self._note)
        try:
            with self._teller.at_work():
                yield
        finally:
            self._teller = None

    def open(self, tags: Mapping[str, str], params: Mapping[str, object]) -> None:
        self._tell(("open",), lambda: self._tracker.open(tags, params))

    def reopen(self) -> None:
        self._tell(("reopen",), self._tracker.reopen)

    def group(self, group: str, *, name: str, params: Mapping[str, object], tags: Mapping[str, str]) -> None:
        self._begin(("group", group), lambda: self._tracker.group(group, name=name, params=params, tags=tags))

    def trial(self, group: str, trial: str, params: Mapping[str, object], tags: Mapping[str, str]) -> None:
        self._begin(("trial", trial), lambda: self._tracker.trial(group, trial, params, tags))

    def epochs(self, trial: str, epochs: Sequence[Epoch]) -> None:
        """Epochs that wait are told together."""
        with self._lock:
            self._epochs.setdefault(trial, []).extend(epochs)

        def tell() -> None:
            told = list(self._epochs.get(trial, ()))
            self._tracker.epochs(trial, told)
            with self._lock:
                self._epochs[trial] = self._epochs.pop(trial, [])[len(told) :]

        self._tell(("epochs", trial), tell)

    def outcome(self, trial: str, outcome: Outcome) -> None:
        """The epochs that wait are in it."""
        with self._lock:
            self._missed.pop(("epochs", trial), None)
            self._epochs.pop(trial, None)
            kept = None if self._away or len(self._missed) > MANY else outcome

        def tell() -> None:
            self._tracker.outcome(trial, kept or Outcome.read(self._paths.outcome(trial)))
            with self._lock:
                self._begun.pop(("trial", trial), None)

        self._tell(("outcome", trial), tell)

    def summary(self, group: str, figures: Mapping[str, float]) -> None:
        self._tell(("summary", group), lambda: self._tracker.summary(group, figures))

    def artifact(self, group: str, path: Path) -> None:
        self._tell(("artifact", group, str(path)), lambda: self._tracker.artifact(group, path))

    def close(self, *, failed: bool) -> None:
        self._tell(("close",), lambda: self._tracker.close(failed=failed))

    def _begin(self, key: Key, call: Call) -> None:
        with self._lock:
            self._begun[key] = call
        self._tell(key, call)

    def _tell(self, key: Key, call: Call) -> None:
        with self._lock:
            self._missed.pop(key, None)
            self._missed[key] = call
        if self._teller:
            self._teller.call()
        else:
            self.send()

    def send(self) -> bool:
        """Tell what there is to tell; False if the tracker is away, which is tried again only after a while."""
        if self._clock() < self._again:
            return False
        error = self._attempt()
        if error and not self._away:
            error = self._attempt()  # a hiccup is not worth a word
        if error:
            self._wait(error)
        elif self._away and not self._missed:
            self._away = False
            self._say("MLflow is back, and what it missed is made up for.")
        return error is None

    def _attempt(self) -> TrackingError | None:
        """Tell what there is to tell, the oldest first; the error that ended it, if one did."""
        until = self._clock() + PIECE
        try:
            if self._failed:
                self._tracker.reopen()
                with self._lock:
                    self._missed = self._begun | self._missed
                self._failed = False
            while self._missed and self._clock() <= until:
                self._tell_oldest()
        except TrackingError as error:
            self._failed = True
            return error
        return None

    def _tell_oldest(self) -> None:
        with self._lock:
            key, call = next(iter(self._missed.items()), (("",), _nothing))  # an outcome may have taken its place
        call()
        with self._lock:
            if self._missed.get(key) is call:  # else it is to be told anew
                del self._missed[key]

    def _wait(self, error: TrackingError) -> None:
        self._again = self._clock() + WAIT
        if not self._away:
            self._away = True
            self._say(f"{error} The study goes on, and what MLflow misses is made up for when it is back.")

    def _say(self, sentence: str) -> None:
        if self._teller:
            self._teller.say(sentence)
        else:
            self._note(sentence)


def _nothing() -> None: ...
