"""`silktune mlflow sync`: a study's record from its folder is the one that was written while it ran."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from silktune.data.dataset import Dataset
from silktune.orchestrate.teller import Teller
from silktune.settings import Experiment
from silktune.study import plan
from silktune.study.paths import StudyPaths
from silktune.study.plan import AblationPlan, Trial
from tests.cli.run import silktune
from tests.cli.studies import ABLATE, SEARCH, Studies
from tests.tracking.samples import template
from tests.tracking.stores import record

__all__ = ["template"]

COMMANDS = pytest.mark.parametrize("command", [SEARCH, ABLATE], ids=["search", "ablation"])


def store(path: Path, template: Path) -> str:
    """The address of an empty database."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def live(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The store that is written to while a study runs."""
    uri = store(tmp_path / "live.db", template)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    return uri


@pytest.fixture
def studies(tmp_path: Path, tiny: Dataset, monkeypatch: pytest.MonkeyPatch) -> Studies:
    return Studies(tmp_path, tiny, monkeypatch, figures=True)  # they are in the record


@pytest.fixture
def other(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Another store, which is the one from the moment when a test begins a sync."""
    return store(tmp_path / "other.db", template)


def sync(studies: Studies, uri: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    done = studies.silktune("mlflow", "sync", str(studies.study))
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def everything(uri: str) -> list[Any]:
    """The runs with their ids and times."""
    client = MlflowClient(tracking_uri=uri)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return sorted(str(run.to_dictionary()) for run in client.search_runs(experiments))


@COMMANDS
def test_an_empty_store_gets_the_record_that_the_study_had_and_a_complete_one_nothing(
    command: tuple[str, ...], studies: Studies, live: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = studies.begin(*command)
    assert "MLflow" not in begun.output.split("To look")[0], begun.output
    before, wanted = everything(live), record(live)
    assert len(wanted) == (16 if command == SEARCH else 10)
    assert sum(len(run["models"]) for run in wanted.values()) == (1 if command == SEARCH else 0)
    sync(studies, live, monkeypatch)
    assert everything(live) == before
    said = sync(studies, other, monkeypatch)
    assert f"MLflow has {studies.study} with {12 if command == SEARCH else 6} trials that have ended." in said
    assert record(other) == wanted
    after = everything(other)
    sync(studies, other, monkeypatch)
    assert everything(other) == after


def test_a_value_is_spelled_alike_on_the_study_its_rows_and_their_runs(studies: Studies, live: str) -> None:
    assert studies.begin(*ABLATE, "net.NN_jfc=8,4").exit_code == 0
    params = [run["params"] for run in record(live).values()]
    assert len(params) == 10
    assert {values["net.NN_jfc"] for values in params} == {"8,4"}
    assert {values["net.NN_tfc"] for values in params} == {"[]"}


@pytest.mark.parametrize(
    ("command", "back"), [(ABLATE, False), (SEARCH, True)], ids=["ablation, away at the end", "search, back before it"]
)
def test_a_store_that_is_away_ends_no_study_and_its_record_is_complete_in_the_end(
    command: tuple[str, ...], back: bool, studies: Studies, live: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = sqlite3.connect(studies.folder / "live.db", isolation_level=None)
    ended: list[Trial] = []
    noticed, say = threading.Event(), Teller.say

    def noticing(teller: Teller, sentence: str) -> None:
        say(teller, sentence)
        noticed.set()

    def between(trial: Trial) -> None:
        ended.append(trial)
        if len(ended) == 3:
            database.execute("ALTER TABLE runs RENAME TO away")
        if back and len(ended) == 5:
            assert noticed.wait(60)
            database.execute("ALTER TABLE away RENAME TO runs")

    monkeypatch.setattr(Teller, "say", noticing)
    studies.between = between
    begun = studies.begin(*command)
    assert begun.exit_code == (1 if command == SEARCH else 0)  # a trial of the search fails
    assert len(ended) == (12 if command == SEARCH else 6)
    assert "The study goes on, and what MLflow misses is made up for when it is back." in begun.output
    assert "In runs/study:" in begun.output
    assert "Traceback" not in begun.output
    needed = "not complete; this completes it: silktune mlflow sync runs/study" in begun.output
    assert needed is not back
    if not back:
        database.execute("ALTER TABLE away RENAME TO runs")
        sync(studies, live, monkeypatch)
    database.close()
    sync(studies, other, monkeypatch)
    assert record(live) == record(other)


def test_what_cannot_be_written_is_said(
    studies: Studies, live: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    studies.begin(*SEARCH, "--final-runs", "1")
    (model,) = studies.study.glob("trials/final-*/model/model.json")
    model.unlink()
    (studies.study / "outcomes" / "t001.json").unlink()
    shutil.copy(studies.study / "outcomes" / "t000.json", studies.study / "outcomes" / "old-run1.json")
    said = sync(studies, other, monkeypatch)
    assert "outcomes/old-run1.json: the study has no trial old-run1 any more; left out." in said
    assert "t001.json is missing: t001 is left out." in said
    assert re.search(r"The model of final-t\d+ is left out\. .*/model: this is no model of silktune", said)
    assert "MLflow has" in said


def test_the_model_of_a_search_is_registered_when_asked(
    studies: Studies, live: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = studies.begin(*SEARCH, "--final-runs", "1", "--register", "silk")
    assert "MLflow's registry has it as silk, version 1: the champion, since there was none" in " ".join(
        done.output.split()
    )
    (version,) = MlflowClient(live).search_model_versions("name = 'silk'")
    assert version.tags["silktune.dataset"] == studies.data.digest
    monkeypatch.setenv("MLFLOW_TRACKING_URI", other)
    again = studies.silktune("mlflow", "sync", str(studies.study), "--register", "silk")
    assert "silk, version 1: the champion" in " ".join(again.output.split())
    wrong = studies.silktune("mlflow", "sync", str(studies.study), "--register", "a/b")
    assert "MLflow's registry takes a name without /" in str(wrong.exception)


def test_an_interrupted_study_is_recorded_as_far_as_it_went(
    studies: Studies, live: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(trial: Trial) -> None:
        if trial.id == "t001":
            raise KeyboardInterrupt

    studies.between = stop
    begun = studies.begin(*SEARCH)
    assert "Interrupted" in str(begun.exception)
    sync(studies, other, monkeypatch)
    (wanted, found) = record(live), record(other)
    assert {trial: run["status"] for (_, trial), run in wanted.items()} == {
        "": "FAILED", "t000": "FINISHED", "t001": "KILLED",
    }  # fmt: skip
    assert {key: run["status"] for key, run in found.items()} == {("", ""): "FAILED", ("trials", "t000"): "FINISHED"}
    assert found["trials", "t000"] == wanted["trials", "t000"]


@pytest.fixture
def begun(tmp_path: Path) -> StudyPaths:
    """A study that has a plan and nothing else."""
    paths = StudyPaths(tmp_path / "study")
    intended = AblationPlan(command="silktune ablate quick", data="0123", weights="none", table="t", base=Experiment())
    plan.begin(intended, paths)
    return paths


def test_a_study_that_is_being_worked_on_is_left_alone(begun: StudyPaths) -> None:
    with begun.locked():
        done = silktune("mlflow", "sync", begun.folder)
    assert done.returncode == 1
    assert f"{begun.folder} is being worked on by the process {os.getpid()}. Wait for it" in done.stderr


@pytest.mark.parametrize(
    ("metadata", "sentence"),
    [
        (None, "was made by an older silktune: it has no metadata.json. The command that it was begun with writes it"),
        ("{}", "is none of this version of silktune (tags: Field required). The command that it was begun with"),
    ],
)
def test_a_study_of_another_version_is_refused(begun: StudyPaths, metadata: str | None, sentence: str) -> None:
    if metadata:
        begun.metadata.write_text(metadata, encoding="utf-8")
    done = silktune("mlflow", "sync", begun.folder)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert done.stderr.strip().endswith("silktune ablate quick")
    assert not (begun.folder.parent / "mlflow.db").exists()


def test_a_folder_that_is_no_study_is_left_as_it_is(tmp_path: Path) -> None:
    done = silktune("mlflow", "sync", tmp_path / "nothing")
    assert (done.returncode, done.stderr.strip()) == (1, f"{tmp_path}/nothing is no study: it has no plan.json.")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["data", "Data", "mlflow.db", "mlflow-artifacts"])
def test_a_study_is_not_called_like_what_lies_beside_it(name: str, studies: Studies, live: str) -> None:
    done = studies.silktune(*SEARCH, "--data", str(studies.data.folder), "--name", name, "--device", "cpu")
    assert f"--name {name}: runs/{name} is where" in str(done.exception)
    assert not (studies.folder / "runs" / name).exists()


def test_an_experiment_that_was_deleted_is_restored_and_said(
    studies: Studies, live: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    studies.begin(*ABLATE)
    wanted, client = record(live), MlflowClient(tracking_uri=live)
    (experiment,) = (one for one in client.search_experiments() if one.name != "Default")
    client.delete_experiment(experiment.experiment_id)
    said = sync(studies, live, monkeypatch)
    assert f"the experiment '{studies.data.name}' had been deleted. It is restored" in said
    assert record(live) == wanted


def test_a_study_that_was_moved_is_recorded_with_its_network(
    studies: Studies, template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    store(studies.folder / "runs" / "mlflow.db", template)
    kept = shutil.copytree(studies.data.folder.parent, studies.folder / "runs" / "data") / studies.data.digest
    metadata = studies.study / "metadata.json"
    studies.begin(*SEARCH)
    metadata.write_text(
        metadata.read_text(encoding="utf-8").replace(str(studies.data.folder), str(kept)), encoding="utf-8"
    )
    wanted = record(f"sqlite:///{studies.folder}/runs/mlflow.db")
    moved = (studies.folder / "runs").rename(studies.folder / "moved")
    (moved / "mlflow.db").unlink()
    done = studies.silktune("mlflow", "sync", "moved/study")
    assert "left out" not in done.output
    assert record(f"sqlite:///{moved}/mlflow.db") == wanted
    assert not (studies.folder / "runs").exists()
