"""MLflow away for a while: the study goes on, and what was missed is made up for."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from silktune.errors import TrackingError
from silktune.orchestrate.buffered_tracker import PIECE, WAIT, BufferedTracker
from silktune.orchestrate.coordinator import Coordinator
from silktune.orchestrate.fixed_trials import ListSource
from silktune.outcome import Epoch, Tracker
from silktune.settings import Experiment
from silktune.study.mirror import Mirror
from silktune.study.paths import StudyPaths
from silktune.study.plan import Trial
from silktune.tracking.mlflow_tracker import MlflowTracker
from silktune.tracking.null_tracker import NoTracker
from tests.orchestrate.test_coordinator import Notes
from tests.outcomes import epoch, outcome
from tests.tracking.samples import template
from tests.tracking.server import Server
from tests.tracking.stores import record

__all__ = ["template"]

Runs = dict[tuple[str, str], dict[str, Any]]
TRIALS = [Trial(f"t{n:03d}", "trials", Experiment().with_({"loss.gamma": n})) for n in range(4)]


class Clock:
    """A time that goes on when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """A coordinator whose trials are played by hand."""

    def __init__(self, folder: Path, tracker: Tracker) -> None:
        self.clock, self.notes, self.paths = Clock(), Notes(), StudyPaths(folder / "study")
        self.tracker = BufferedTracker(tracker, self.paths, self.notes.note, self.clock)
        self.coordinator = Coordinator(
            self.paths, "digest", self.tracker, self.notes, ListSource(TRIALS), Mirror(self.paths, self.notes.note)
        )

    @property
    def said(self) -> list[str]:
        """What a person was told of MLflow."""
        return [note for note in self.notes.seen if "MLflow" in note]

    def play(self, before: Callable[[], object], during: Callable[[], object]) -> None:
        """Four trials, two at a time; something happens in the middle, and something else before the last one."""
        coordinator = self.coordinator
        for _ in range(2):
            coordinator.next()
        for name in ("t000", "t001"):
            coordinator.epoch(name, epoch(1))
        before()
        coordinator.epoch("t000", epoch(2))  # missed from here …
        coordinator.end("t000", outcome(0.1))
        coordinator.next()
        coordinator.epoch("t002", epoch(1))
        coordinator.epoch("t001", epoch(2))
        during()
        coordinator.epoch("t002", epoch(2))  # … to here
        coordinator.end("t002", outcome(0.3))
        coordinator.next()
        coordinator.epoch("t003", epoch(1))


def tracker(uri: str, folder: Path, experiment: str = "silktune") -> MlflowTracker:
    made = MlflowTracker(uri, folder, experiment, "quick", "a1b2")
    made.open({"version.mlflow": "any"}, {"seed": 0})
    return made


def nothing() -> None: ...


@pytest.fixture(scope="module")
def undisturbed(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """The record of the same trials in a store that was never away."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "mlflow.db").write_bytes(template.read_bytes())
    uri = f"sqlite:///{folder}/mlflow.db"
    bench = Bench(folder, tracker(uri, folder))
    bench.play(nothing, nothing)
    assert bench.said == []
    found = record(uri)
    assert {trial: run["status"] for (_, trial), run in found.items()} == {
        "": "RUNNING", "t000": "FINISHED", "t001": "RUNNING", "t002": "FINISHED", "t003": "RUNNING",
    }  # fmt: skip
    return found


def renamed(record: Runs, experiment: str) -> Runs:
    """The same record in another experiment of MLflow's: the tests of a server share one."""
    return {trial: run | {"experiment": experiment} for trial, run in record.items()}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "mlflow.db").write_bytes(template.read_bytes())
    made = Server(folder)
    try:
        made.start()
        yield made
    finally:
        made.kill()


@pytest.mark.timeout(240)
def test_a_server_that_is_killed_and_comes_back(server: Server, undisturbed: Runs, tmp_path: Path) -> None:
    bench = Bench(tmp_path, tracker(server.uri, tmp_path, "killed"))

    def back() -> None:
        server.start()
        bench.clock.now += WAIT

    bench.play(server.kill, back)
    away, again = bench.said
    assert "it cannot be reached" in away
    assert "what MLflow misses is made up for when it is back" in away
    assert again == "MLflow is back, and what it missed is made up for."
    assert record(server.uri, "killed") == renamed(undisturbed, "killed")


@pytest.mark.timeout(240)
def test_a_server_that_stands_still_costs_an_attempt_and_makes_no_run_twice(
    server: Server, undisturbed: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    bench = Bench(tmp_path, tracker(server.uri, tmp_path, "still"))

    def still() -> None:
        """The next request, that for a new run, is heard when nobody waits for its answer any more."""
        server.signal(signal.SIGSTOP)
        bench.tracker.trial("trials", "t002", {}, {"mlflow.runName": "t002"})

    def back() -> None:
        server.signal(signal.SIGCONT)
        server.wait()
        monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT")
        bench.clock.now += WAIT

    bench.play(still, back)
    assert len(bench.said) == 2
    assert record(server.uri, "still") == renamed(undisturbed, "still")


@pytest.mark.timeout(240)
def test_a_server_that_comes_back_with_an_empty_store_ends_no_study(server: Server, tmp_path: Path) -> None:
    bench = Bench(tmp_path, tracker(server.uri, tmp_path))

    def back() -> None:
        (server.folder / "mlflow.db").unlink()
        server.start()
        bench.clock.now += WAIT

    bench.play(server.kill, back)
    assert len(bench.said) == 2
    found = record(server.uri)
    assert {trial for _, trial in found} == {"", "t000", "t001", "t002", "t003"}


def test_a_database_that_another_process_locks(
    undisturbed: Runs, tmp_path: Path, template: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mlflow.db").write_bytes(template.read_bytes())
    uri = f"sqlite:///{tmp_path}/mlflow.db?timeout=0.2"
    bench = Bench(tmp_path, tracker(uri, tmp_path))
    other = sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)

    def free() -> None:
        other.execute("ROLLBACK")
        other.close()
        bench.clock.now += WAIT

    bench.play(lambda: other.execute("BEGIN EXCLUSIVE"), free)
    away, _ = bench.said
    assert "another process keeps it locked" in away
    assert capfd.readouterr() == ("", "")  # no traceback of MLflow's
    assert record(uri) == undisturbed


class Moody(NoTracker):
    """Fails when it is told to; remembers what it was told."""

    def __init__(self) -> None:
        self.fails, self.heard, self.clock, self.takes = 0, list[str](), Clock(), 0.0

    def _hear(self, word: str) -> None:
        self.clock.now += self.takes
        if self.fails:
            self.fails -= 1
            raise TrackingError("MLflow: away.")
        self.heard.append(word)

    def reopen(self) -> None:
        self._hear("reopen")

    def trial(self, group: str, trial: str, *_: object) -> None:
        self._hear(trial)

    def epochs(self, trial: str, epochs: Sequence[Epoch]) -> None:
        self._hear(" ".join([trial, *(str(epoch.number) for epoch in epochs)]))

    def outcome(self, trial: str, *_: object) -> None:
        self._hear(f"{trial} outcome")


@pytest.fixture
def moody() -> tuple[Moody, BufferedTracker, list[str]]:
    inner, said = Moody(), list[str]()
    return inner, BufferedTracker(inner, StudyPaths(Path("nowhere")), said.append, inner.clock), said


Played = tuple[Moody, BufferedTracker, list[str]]


def test_one_call_that_fails_is_made_again_at_once_and_not_spoken_of(moody: Played) -> None:
    inner, patient, said = moody
    patient.trial("trials", "t0", {}, {})
    inner.fails = 1
    patient.epochs("t0", [epoch(1)])
    assert inner.heard == ["t0", "reopen", "t0", "t0 1"]
    assert said == []


def test_it_is_asked_again_only_after_a_while(moody: Played) -> None:
    inner, patient, said = moody
    inner.fails = 3
    patient.trial("trials", "t0", {}, {})
    patient.epochs("t0", [epoch(1)])
    inner.clock.now += WAIT - 1
    patient.epochs("t0", [epoch(2)])
    assert inner.fails == 1
    inner.clock.now += 1
    patient.epochs("t0", [epoch(3)])
    assert (inner.fails, inner.heard, len(said)) == (0, [], 1)
    inner.clock.now += WAIT
    patient.epochs("t0", [epoch(4)])
    assert inner.heard == ["reopen", "t0", "t0 1 2 3 4"]
    assert len(said) == 2


def test_much_that_was_missed_is_made_up_for_in_pieces(moody: Played) -> None:
    inner, patient, said = moody
    inner.fails = 2
    for number in range(1, 11):
        patient.epochs(f"t{number}", [epoch(1)])
    inner.clock.now += WAIT
    inner.takes = PIECE / 2
    patient.epochs("t11", [epoch(1)])
    assert inner.heard == ["reopen", "t1 1", "t2 1"]
    assert len(said) == 1
    inner.takes = 0
    patient.epochs("t12", [epoch(1)])
    assert inner.heard[3:] == [f"t{number} 1" for number in range(3, 13)]
    assert len(said) == 2


def test_an_outcome_takes_the_place_of_the_epochs_that_were_missed(tmp_path: Path) -> None:
    inner, said = Moody(), list[str]()
    paths = StudyPaths(tmp_path)
    patient = BufferedTracker(inner, paths, said.append, inner.clock)
    patient.trial("trials", "t0", {}, {})
    inner.fails = 2
    for number in (1, 2):
        patient.epochs("t0", [epoch(number)])
    outcome(0.1).write(paths.outcome("t0"))
    patient.outcome("t0", outcome(0.1))
    inner.clock.now += WAIT
    patient.trial("trials", "t1", {}, {})
    assert inner.heard == ["t0", "reopen", "t0", "t1", "t0 outcome"]
