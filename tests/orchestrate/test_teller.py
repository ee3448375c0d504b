"""A tracker beside the driver's thread: nobody waits for it, all is told in order, and what goes wrong is heard."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from silktune.errors import TrackingError
from silktune.orchestrate import buffered_tracker, teller
from silktune.orchestrate.buffered_tracker import BufferedTracker
from silktune.orchestrate.coordinator import Coordinator
from silktune.orchestrate.fixed_trials import ListSource
from silktune.outcome import Epoch, Outcome
from silktune.study.mirror import Mirror
from silktune.study.paths import StudyPaths
from silktune.tracking.null_tracker import NoTracker
from tests.orchestrate.test_buffered_tracker import TRIALS, tracker
from tests.orchestrate.test_coordinator import Notes
from tests.outcomes import epoch, outcome
from tests.tracking.samples import template
from tests.tracking.stores import record

__all__ = ["template"]

LIMIT = 20.0  # seconds


class Gated(NoTracker):
    """Remembers what it was told; a trial waits until the gate is open."""

    def __init__(self) -> None:
        self.gate, self.waiting, self.heard = threading.Event(), threading.Event(), list[str]()
        self.threads: set[str] = set()
        self.error: Exception | None = None

    def _hear(self, word: str) -> None:
        self.threads.add(threading.current_thread().name)
        if self.error:
            raise self.error
        self.heard.append(word)

    def trial(self, group: str, trial: str, *_: object) -> None:
        self.waiting.set()
        assert self.gate.wait(LIMIT)
        self._hear(trial)

    def epochs(self, trial: str, epochs: Sequence[Epoch]) -> None:
        self._hear(" ".join([trial, *(str(epoch.number) for epoch in epochs)]))

    def outcome(self, trial: str, outcome: Outcome) -> None:
        self._hear(f"{trial} outcome")


@pytest.fixture
def inner() -> Gated:
    return Gated()


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def beside(inner: Gated, notes: Notes, tmp_path: Path) -> BufferedTracker:
    return BufferedTracker(inner, StudyPaths(tmp_path), notes.note)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert "silktune tracker" not in {thread.name for thread in threading.enumerate()}


def test_nobody_waits_and_epochs_that_came_together_are_told_together(inner: Gated, beside: BufferedTracker) -> None:
    with beside.telling_beside():
        beside.trial("trials", "t0", {}, {})
        assert inner.waiting.wait(LIMIT)
        for number in (1, 2, 3):
            beside.epochs("t0", [epoch(number)])
        beside.trial("trials", "t1", {}, {})
        beside.epochs("t1", [epoch(1)])
        beside.outcome("t1", outcome(0.1))
        assert inner.heard == []
        inner.gate.set()
    assert inner.heard == ["t0", "t0 1 2 3", "t1", "t1 outcome"]
    assert inner.threads == {"silktune tracker"}


def test_outside_it_is_told_at_once(inner: Gated, beside: BufferedTracker) -> None:
    with beside.telling_beside():
        pass
    beside.epochs("t0", [epoch(1)])
    assert inner.heard == ["t0 1"]
    assert inner.threads == {threading.current_thread().name}


def test_an_outcome_whose_trial_is_told_just_now_is_told_after_it(inner: Gated, beside: BufferedTracker) -> None:
    with beside.telling_beside():
        beside.trial("trials", "t0", {}, {})
        assert inner.waiting.wait(LIMIT)
        beside.trial("trials", "t0", {"loss.gamma": 1}, {})
        beside.outcome("t0", outcome(0.1))
        inner.gate.set()
    assert inner.heard == ["t0", "t0", "t0 outcome"]


def test_away_and_back_are_said_by_the_drivers_own_thread(
    inner: Gated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teller, "GATHER", 0.01)
    monkeypatch.setattr(buffered_tracker, "WAIT", 0.1)
    said: list[tuple[str, str]] = []
    beside = BufferedTracker(
        inner, StudyPaths(tmp_path), lambda sentence: said.append((sentence, threading.current_thread().name))
    )
    inner.error = TrackingError("MLflow: away.")
    with beside.telling_beside():
        _report_until(beside, lambda: bool(said))
        inner.error = None
        _report_until(beside, lambda: len(said) > 1)
    assert [thread for _, thread in said] == [threading.current_thread().name] * 2
    assert said[0][0].startswith("MLflow: away. The study goes on")
    assert said[1][0].startswith("MLflow is back")
    assert "t0 1 2 " in f"{inner.heard[0]} "


def _report_until(beside: BufferedTracker, done: Callable[[], bool]) -> None:
    """Epochs, until something has happened."""
    for number in range(1, int(LIMIT / 0.02)):
        beside.epochs("t0", [epoch(number)])
        if done():
            return
        time.sleep(0.02)
    raise AssertionError("it never happened")


def _join() -> None:
    """Wait for a thread that was waited for no longer."""
    for thread in threading.enumerate():
        if thread.name == "silktune tracker":
            thread.join(LIMIT)


def test_one_that_stays_away_ends_no_study_and_is_not_waited_for(inner: Gated, beside: BufferedTracker) -> None:
    inner.error = TrackingError("MLflow: away.")
    with beside.telling_beside():
        beside.epochs("t0", [epoch(1)])
    assert inner.heard == []


def test_one_that_never_answers_is_waited_for_only_so_long(
    inner: Gated, beside: BufferedTracker, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teller, "END", 0.1)
    monkeypatch.setattr(teller, "ANSWER", 0.1)
    with beside.telling_beside():
        beside.trial("trials", "t0", {}, {})
        assert inner.waiting.wait(LIMIT)
    assert notes.seen == ["MLflow has not answered for 0 s and is waited for no longer."]
    inner.gate.set()
    _join()


def test_a_mistake_in_the_thread_is_raised_by_the_next_call(
    inner: Gated, beside: BufferedTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teller, "GATHER", 0.01)
    inner.error = KeyError("a mistake of ours")
    with pytest.raises(KeyError, match="a mistake of ours"), beside.telling_beside():  # noqa: PT012 the second raises
        beside.epochs("t0", [epoch(1)])
        _join()
        beside.epochs("t0", [epoch(2)])
        raise AssertionError("nothing was raised")


def test_a_mistake_in_the_last_call_is_raised_at_the_end(inner: Gated, beside: BufferedTracker) -> None:
    inner.error = KeyError("a mistake of ours")
    with pytest.raises(KeyError, match="a mistake of ours"), beside.telling_beside():
        beside.epochs("t0", [epoch(1)])


def test_an_error_of_the_study_is_raised_when_all_is_told(inner: Gated, beside: BufferedTracker) -> None:
    with pytest.raises(KeyboardInterrupt), beside.telling_beside():  # noqa: PT012 what is told before counts
        beside.epochs("t0", [epoch(1)])
        raise KeyboardInterrupt
    assert inner.heard == ["t0 1"]


def test_a_second_ctrl_c_leaves_a_tracker_that_does_not_answer(inner: Gated, beside: BufferedTracker) -> None:
    with pytest.raises(KeyboardInterrupt), beside.telling_beside():  # noqa: PT012 what is told before counts
        beside.trial("trials", "t0", {}, {})
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        assert inner.waiting.wait(LIMIT)
        raise KeyboardInterrupt
    inner.gate.set()
    _join()


def test_an_outcome_among_many_is_read_from_its_file(inner: Gated, beside: BufferedTracker, tmp_path: Path) -> None:
    paths = StudyPaths(tmp_path)
    with beside.telling_beside():
        beside.trial("trials", "t0", {}, {})
        assert inner.waiting.wait(LIMIT)
        for number in range(buffered_tracker.MANY + 2):
            outcome(0.1).write(paths.outcome(f"t{number}"))
            beside.outcome(f"t{number}", outcome(0.1))
        inner.gate.set()
    assert inner.heard[1:] == [f"t{number} outcome" for number in range(buffered_tracker.MANY + 2)]


def _play(paths: StudyPaths, told: BufferedTracker, notes: Notes) -> None:
    coordinator = Coordinator(paths, "digest", told, notes, ListSource(TRIALS), Mirror(paths, notes.note))
    while trial := coordinator.next():
        for number in (1, 2):
            coordinator.epoch(trial.id, epoch(number))
        coordinator.end(trial.id, outcome(0.1))


def test_mlflows_record_is_the_same_as_without_a_thread(template: Path, tmp_path: Path) -> None:
    records = []
    for name in ("beside", "at once"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "mlflow.db").write_bytes(template.read_bytes())
        uri, paths, notes = f"sqlite:///{folder}/mlflow.db", StudyPaths(folder / "study"), Notes()
        told = BufferedTracker(tracker(uri, folder), paths, notes.note)
        if name == "beside":
            with told.telling_beside():
                _play(paths, told, notes)
        else:
            _play(paths, told, notes)
        told.close(failed=False)
        assert not [note for note in notes.seen if "MLflow" in note]
        records.append(record(uri))
    assert len(records[0]) == 1 + len(TRIALS)
    assert records[0] == records[1]
