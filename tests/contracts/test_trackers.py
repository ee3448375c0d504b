"""What every tracker promises: a call may be repeated, by this object or a later one, and adds nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from silktune.orchestrate.buffered_tracker import BufferedTracker
from silktune.outcome import Tracker
from silktune.study.paths import StudyPaths
from silktune.tracking.null_tracker import NoTracker
from tests.tracking import samples
from tests.tracking.samples import epoch, outcome, settings

ROW = "C* + R^slf (place) 'é' 50% `a`/b"


def _begin(tracker: Tracker) -> None:
    tracker.open({"git.commit": "abc"}, {"study.trials": 2})
    tracker.trial("trials", "t0", settings(), {"mlflow.runName": "t0 γ 2"})
    tracker.trial("trials", "t1", settings(loss__gamma=0.0), {})
    for number in (1, 2):
        tracker.epochs("t0", [epoch(number)])
    tracker.group(ROW, name=ROW, params={"loss.gamma": 0.0}, tags={"silktune.line": "C* + R^slf"})
    tracker.trial(ROW, "r0", settings(), {})
    tracker.group("the same", name="the same", params={"loss.gamma": 0.0}, tags={"silktune.same_as": ROW})


def _finish(tracker: Tracker, file: Path) -> None:
    tracker.epochs("t0", [epoch(3)])
    tracker.outcome("t0", outcome(3))
    tracker.outcome("t1", outcome(1, state="pruned", reason="worse than the median"))
    tracker.trial("final", "f0", settings(), {})
    tracker.outcome("f0", outcome(2, tested=True))
    tracker.outcome("r0", outcome(2, tested=True))
    tracker.summary(ROW, {"test.mean_f1.mean": 0.2, "test.mean_f1.std": 0.01})
    tracker.summary("final", {"test.mean_f1.mean": 0.25, "test.mean_f1.std": float("nan")})
    tracker.summary("", {"best.mean_f1": 0.3})
    tracker.artifact("", file)
    tracker.close(failed=False)


class Contract:
    @pytest.fixture
    def make(self, runs: Path) -> Callable[[], Tracker]:
        raise NotImplementedError

    def seen(self, runs: Path) -> Any:
        raise NotImplementedError

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        path = tmp_path / "table.md"
        path.write_text("| a |\n", encoding="utf-8")
        return path

    def test_every_call_repeated_at_once_adds_nothing(
        self, make: Callable[[], Tracker], runs: Path, file: Path
    ) -> None:
        tracker = make()
        _begin(tracker)
        begun = self.seen(runs)
        for _ in range(2):
            _begin(tracker)
            assert self.seen(runs) == begun
            tracker.reopen()
            assert self.seen(runs) == begun
        _finish(tracker, file)
        finished = self.seen(runs)
        _finish(tracker, file)
        assert self.seen(runs) == finished

    def test_a_later_tracker_goes_on(self, make: Callable[[], Tracker], runs: Path, file: Path) -> None:
        _begin(make())
        begun = self.seen(runs)
        later = make()
        _begin(later)
        assert self.seen(runs) == begun
        _finish(later, file)
        finished = self.seen(runs)
        again = make()
        _begin(again)
        _finish(again, file)
        assert self.seen(runs) == finished

    def test_killed_between_any_two_calls_it_ends_the_same(
        self, make: Callable[[], Tracker], runs: Path, file: Path
    ) -> None:
        once = make()
        _begin(once)
        _finish(once, file)
        finished = self.seen(runs)
        for _ in range(2):
            _begin(make())
        last = make()
        _begin(last)
        _finish(last, file)
        assert self.seen(runs) == finished


class TestNoTracker(Contract):
    @pytest.fixture
    def make(self, runs: Path) -> Callable[[], Tracker]:
        return NoTracker

    def seen(self, runs: Path) -> list[str]:
        files = sorted(path.name for path in runs.iterdir())
        assert files == ["mlflow.db"]  # the fixture's, and nothing else
        return files


class TestPatientTracker(Contract):
    @pytest.fixture
    def make(self, runs: Path) -> Callable[[], Tracker]:
        def unexpected(sentence: str) -> None:
            raise AssertionError(sentence)

        return lambda: BufferedTracker(samples.tracker(runs), StudyPaths(runs), unexpected)

    def seen(self, runs: Path) -> dict[str, dict[str, Any]]:
        return samples.content(runs)


class TestMlflowTracker(Contract):
    @pytest.fixture
    def make(self, runs: Path) -> Callable[[], Tracker]:
        return lambda: samples.tracker(runs)

    def seen(self, runs: Path) -> dict[str, dict[str, Any]]:
        content = samples.content(runs)
        assert content
        return content
