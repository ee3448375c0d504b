"""Where the runs are kept, and what is said when they cannot be."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy
from mlflow import MlflowClient

from silktune.errors import TrackingError
from silktune.tracking import request_limits, store
from silktune.tracking.request_limits import SENDING, WRITING, limits
from silktune.tracking.store import open_store
from silktune.tracking.store_errors import sentences, shown
from tests.tracking.samples import content, tracker


@pytest.fixture(autouse=True)
def no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", *WRITING):
        monkeypatch.delenv(name, raising=False)


def complaint(uri: str, runs: Path) -> str:
    begin = time.monotonic()
    with pytest.raises(TrackingError) as raised:
        open_store(uri, runs)
    assert time.monotonic() - begin < 20
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_runs_are_in_an_sqlite_file_unless_a_person_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert store.uri(Path("runs")) == f"sqlite:///{tmp_path}/runs/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://somewhere:5000")
    assert store.uri(Path("runs")) == "http://somewhere:5000"


@pytest.mark.parametrize("name", ["a b", "époque", "100%41", "what?", "a#b"])
def test_a_folder_may_have_any_name(name: str, template: Path, tmp_path: Path) -> None:
    runs = tmp_path / name
    runs.mkdir()
    shutil.copy(template, runs / "mlflow.db")
    one = tracker(runs)
    one.open({}, {})
    (tmp_path / "table.md").write_text("x", encoding="utf-8")
    one.artifact("", tmp_path / "table.md")
    assert content(runs)["quick"]["id"]
    assert len(list((runs / "mlflow-artifacts").rglob("table.md"))) == 1


def test_a_new_store_is_made_and_opened_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    runs = tmp_path / "not" / "there"
    first = open_store(store.uri(runs), runs)
    assert open_store(store.uri(runs), runs).experiment == first.experiment
    assert capfd.readouterr() == ("", "")  # no migrations on the terminal


def test_a_port_nobody_listens_at(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        said = complaint(address, tmp_path)
    assert said == (
        f"MLflow: {address}: it cannot be reached; check that the server runs and that host and port are right, "
        "or unset MLFLOW_TRACKING_URI to write to an SQLite file in the folder of runs."
    )


def test_a_host_that_does_not_answer_costs_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")  # a person's own limit is kept
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # connects, says nothing
        said = complaint(f"http://127.0.0.1:{deaf.getsockname()[1]}", tmp_path)
    assert "cannot be reached" in said


def test_an_open_store_leaves_its_limits_to_nobody_else(runs: Path) -> None:
    with open_store(store.uri(runs), runs).sentences():
        assert {name: os.environ[name] for name in WRITING} == WRITING
    assert not WRITING.keys() & os.environ.keys()


def _now() -> dict[str, str | None]:
    return {name: os.environ.get(name) for name in WRITING}


def test_limits_that_are_kept_are_changed_by_no_other_thread() -> None:
    seen = []

    def beside() -> None:
        with limits(request_limits.OPENING):
            seen.append(_now())

    with request_limits.kept():
        other = threading.Thread(target=beside)
        other.start()
        other.join()
        assert seen == [WRITING]
        with limits(SENDING):
            assert _now() == SENDING
        assert _now() == WRITING
    assert _now() == dict.fromkeys(WRITING)


def test_a_limit_of_a_person_is_kept_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")  # as silktune would set it
    with request_limits.kept(), limits(SENDING):
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "10"
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "10"


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    assert shown("postgresql://me:secret@host/db and http://u:p@h") == "postgresql://me:***@host/db and http://u:***@h"
    assert "secret" not in complaint("http://me:secret@127.0.0.1:1", tmp_path)


@pytest.mark.parametrize("address", ["file:///tmp/mlruns", "mlruns", "/tmp/mlruns"])
def test_a_folder_is_no_store(address: str, tmp_path: Path) -> None:
    assert "MLflow keeps no runs in folders any more; set MLFLOW_TRACKING_URI" in complaint(address, tmp_path)


def test_an_address_of_nothing(tmp_path: Path) -> None:
    assert "is no address of an MLflow store" in complaint("gopher://host", tmp_path)


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    said = complaint(store.uri(tmp_path / "file"), tmp_path)
    assert "it cannot be written; check who owns the folder" in said


def test_a_store_that_may_only_be_read(runs: Path) -> None:
    said = complaint(f"sqlite:///file:{runs}/mlflow.db?mode=ro&uri=true", runs)
    assert "it cannot be written" in said


def test_a_damaged_store(runs: Path) -> None:
    (runs / "mlflow.db").write_bytes(b"no database at all" * 100)
    assert "it is damaged or no SQLite database; move it away" in complaint(store.uri(runs), runs)


def test_a_store_of_another_version(runs: Path) -> None:
    with contextlib.closing(sqlite3.connect(runs / "mlflow.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = 'from the future'")
    assert "it was written by another version of MLflow" in complaint(store.uri(runs), runs)


def test_an_experiment_that_was_deleted_is_restored_with_its_runs(runs: Path) -> None:
    one = tracker(runs)
    one.open({}, {})
    one.trial("trials", "t0", {}, {})
    before = content(runs)
    one.store.client.delete_experiment(one.store.experiment)
    later = tracker(runs)
    later.open({}, {})
    assert later.store.notes == (
        f"MLflow: {store.uri(runs)}: the experiment 'silktune' had been deleted. "
        "It is restored, and so are all runs that were in it.",
    )
    assert content(runs) == before
    assert open_store(store.uri(runs), runs).notes == ()


@pytest.mark.parametrize("name", ["Default", "default", "DEFAULT", "Défault", " default "])
def test_mlflows_own_experiment_is_left_alone(name: str, runs: Path) -> None:
    opened = open_store(store.uri(runs), runs, name)
    assert opened.experiment != "0"
    location = opened.client.get_experiment(opened.experiment).artifact_location
    assert location == (runs / "mlflow-artifacts").as_uri()
    assert opened.client.get_experiment(opened.experiment).name == f"{name.strip()} (silktune)"
    assert open_store(store.uri(runs), runs, name).experiment == opened.experiment


@pytest.mark.parametrize("name", ["", "0", "a/b", "絹 ½", "'", "x" * 600, "mlflow", "$(x) `y`"])
def test_a_data_set_may_have_any_name(name: str, runs: Path) -> None:
    opened = open_store(store.uri(runs), runs, name)
    assert open_store(store.uri(runs), runs, name).experiment == opened.experiment != "0"


OPENING = """
import sys
from pathlib import Path
import mlflow, sqlalchemy
from silktune.tracking import request_limits, store
from silktune.tracking.request_limits import SENDING, WRITING, limits
runs = Path(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(store.open_store(store.uri(runs), runs).experiment)
"""


def opening(count: int, runs: Path, folder: Path) -> list[subprocess.Popen[str]]:
    """Processes that are about to open a store, each with a temporary folder of its own."""
    processes = []
    for number in range(count):
        (folder / str(number)).mkdir()
        environment = os.environ | {"TMPDIR": str(folder / str(number))}
        processes.append(
            subprocess.Popen(
                [sys.executable, "-c", OPENING, str(runs)], cwd=Path(__file__).parents[2], env=environment, text=True,
                encoding="utf-8",
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
        )  # fmt: skip
    return processes


def test_several_processes_open_a_new_store_at_once(tmp_path: Path) -> None:
    processes = opening(4, tmp_path / "runs", tmp_path)
    try:
        for process in processes:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin
            process.stdin.write("\n")
            process.stdin.flush()
        ended = [process.communicate(timeout=120) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert [(said, error) for said, error in ended] == [("1\n", "")] * 4


def test_an_experiment_that_another_process_makes_first_is_taken(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_store(store.uri(runs), runs)
    answers = iter([None])  # what a server says just before the other one makes it
    ask = MlflowClient.get_experiment_by_name
    monkeypatch.setattr(MlflowClient, "get_experiment_by_name", lambda *of: next(answers, ask(*of)))
    assert open_store(store.uri(runs), runs).experiment == first.experiment


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No database that is opened from now on may grow."""

    def stop_growing(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")

    sqlalchemy.event.listen(sqlalchemy.Engine, "connect", stop_growing)
    yield
    sqlalchemy.event.remove(sqlalchemy.Engine, "connect", stop_growing)


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk(runs: Path) -> None:
    one = tracker(runs)
    with pytest.raises(TrackingError, match="the disk is full; make room, then run the command again: it goes on"):
        one.open({}, {f"parameter {number}": "x" * 5000 for number in range(500)})


def test_a_full_disk_under_the_artifacts() -> None:
    with pytest.raises(TrackingError, match=r"table\.md: the disk is full; make room"), sentences("sqlite:///x"):
        raise OSError(errno.ENOSPC, "No space left on device", "table.md")


def test_a_mistake_of_ours_is_no_sentence() -> None:
    with pytest.raises(KeyError), sentences("sqlite:///x"):
        raise KeyError("t0")
