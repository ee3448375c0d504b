"""`silktune.search` and `silktune.ablate`: typed results, nothing printed, the same as the commands."""

from __future__ import annotations

import asyncio
import csv
import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import silktune
from silktune.api.progress import Begun
from silktune.api.studies import AblationStudy, SearchStudy
from silktune.errors import ResourceError, SettingsError, SpaceError, StudyError
from silktune.outcome import Epoch
from silktune.study import space_file
from silktune.study.plan import Trial
from tests.api.conftest import Here

pytestmark = pytest.mark.timeout(120)


def outcomes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "outcomes").glob("*.json")}


def test_a_search_has_a_row_for_each_trial(searched: SearchStudy) -> None:
    trials = searched.trials
    assert list(trials.index) == ["t000", "t001"]
    assert list(trials.columns[:6]) == ["state", "value", "best_epoch", "epochs", "seconds", "reason"]
    assert list(trials.columns[6:8]) == ["loss.gamma", "train.learning_rate"]
    assert list(trials["state"]) == ["finished", "finished"]
    assert list(trials["epochs"]) == [1, 1]
    assert sorted(trials["loss.gamma"]) == [0.0, 1.0]
    assert set(trials["train.max_epochs"]) == {1}
    assert searched.state == "finished"
    assert searched.failures == ()
    assert searched.folder.name == "s"


def test_its_values_are_those_of_the_outcomes_to_the_last_digit(searched: SearchStudy) -> None:
    written = {name: json.loads(content) for name, content in outcomes(searched.folder).items()}
    for name, value in searched.trials["value"].items():
        assert written[f"{name}.json"]["validation"]["mean_f1"] == value
    for name, value in searched.test["mean_f1"].items():
        assert written[f"{name}.json"]["test"]["mean_f1"] == value


def test_its_winner_is_the_best_one_and_was_tested(searched: SearchStudy) -> None:
    assert searched.winner is not None
    assert searched.winner.id == searched.trials["value"].idxmax()
    assert list(searched.test.index) == [f"final-{searched.winner.id}-run{run}" for run in (1, 2)]
    assert {"mean_f1", "OA", "place.f1", "time.OA"} <= set(searched.test.columns)


def test_an_ablation_has_tables(ablated: AblationStudy) -> None:
    assert list(ablated.table.index) == ["MTL", "MTL^fo"]
    assert list(ablated.table["runs"]) == [2, 2]
    assert list(ablated.runs["row"]) == ["MTL", "MTL", "MTL^fo", "MTL^fo"]
    for row, runs in ablated.runs.groupby("row"):
        assert ablated.table["mean_f1"][row] == pytest.approx(runs["mean_f1"].mean(), abs=1e-12)
        assert ablated.table["mean_f1.std"][row] == pytest.approx(runs["mean_f1"].std(), abs=1e-12)
    difference = ablated.table["mean_f1"]["MTL^fo"] - ablated.table["mean_f1"]["MTL"]
    (compared,) = ablated.comparisons.query("metric == 'mean_f1'")["difference"]
    assert compared == pytest.approx(difference, abs=1e-12)
    assert set(ablated.metrics["row"]) == {"MTL", "MTL^fo"}


def test_the_frames_are_the_files_to_the_last_digit(ablated: AblationStudy) -> None:
    for name, frame in (("runs", ablated.runs), ("comparisons", ablated.comparisons), ("metrics", ablated.metrics)):
        with (ablated.folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
        assert len(lines) == len(frame) > 0
        for line, (_, row) in zip(lines, frame.iterrows(), strict=True):
            read = {column: "" if pd.isna(value) else value for column, value in row.items()}
            assert read == {column: type(read[str(column)])(text) for column, text in line.items()}


@pytest.mark.parametrize("kind", ["searched", "ablated"])
def test_in_a_notebook_it_is_a_table(kind: str, request: pytest.FixtureRequest) -> None:
    study = request.getfixturevalue(kind)
    assert "<table" in study._repr_html_()
    assert repr(study).startswith(("SearchStudy(", "AblationStudy("))
    assert "\n" not in repr(study)


@pytest.mark.usefixtures("undrawn")
def test_nothing_is_printed(here: Here, capfd: pytest.CaptureFixture[str]) -> None:
    here.search(name="silent", final_runs=1, settings={"train.max_epochs": 1, "loss.gamma": 1.0})
    here.ablate(name="silent-too", runs=1)
    assert capfd.readouterr() == ("", "")


def test_called_twice_it_runs_nothing_twice_and_more_is_added(searched: SearchStudy, here: Here) -> None:
    before = outcomes(searched.folder)
    again = here.search()
    assert outcomes(again.folder) == before
    pd.testing.assert_frame_equal(again.trials, searched.trials)
    shutil.copytree(searched.folder, searched.folder.with_name("more"))
    more = here.search(name="more", final_runs=3)
    after = outcomes(more.folder)
    assert {name: after[name] for name in before} == before
    assert len(more.test) == 3


def test_it_works_where_an_event_loop_runs(here: Here) -> None:
    """As in a notebook's cell."""

    async def cell() -> pd.DataFrame:
        return here.search(name="cell", final_runs=1).trials

    assert len(asyncio.run(cell())) == 2


def test_it_works_outside_the_main_thread(here: Here) -> None:
    found: list[SearchStudy] = []
    thread = threading.Thread(target=lambda: found.append(here.search(name="thread", final_runs=1)))
    thread.start()
    thread.join()
    assert found[0].state == "finished"


class Stops(silktune.Progress):
    """Presses Ctrl-C when a trial has done an epoch."""

    def __init__(self, trial: str) -> None:
        self.trial = trial

    def epoch(self, trial: Trial, epoch: Epoch) -> None:
        if trial.id == self.trial:
            raise KeyboardInterrupt


def test_interrupted_it_goes_on(here: Here, searched: SearchStudy) -> None:
    with pytest.raises(KeyboardInterrupt):
        here.search(name="stopped", progress=Stops("t001"))
    stopped = silktune.open_study(here.folder / "runs" / "stopped")
    assert isinstance(stopped, SearchStudy)
    assert (stopped.state, list(stopped.trials["state"])) == ("interrupted", ["finished", "interrupted"])
    first = outcomes(stopped.folder)
    ended = here.search(name="stopped")
    assert outcomes(ended.folder)["t000.json"] == first["t000.json"]
    pd.testing.assert_series_equal(ended.trials["value"], searched.trials["value"])


class Hears(silktune.Progress):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def begun(self, study: Begun) -> None:
        self.heard.append(f"begun {study.folder.name} on {study.data}")

    def started(self, trial: Trial) -> None:
        self.heard.append(f"started {trial.id}")

    def epoch(self, trial: Trial, epoch: Epoch) -> None:
        self.heard.append(f"epoch {epoch.number} of {trial.id}")

    def ended(self, trial: Trial, outcome: object) -> None:
        self.heard.append(f"ended {trial.id}")


@pytest.mark.usefixtures("undrawn")
def test_progress_is_heard(here: Here) -> None:
    progress = Hears()
    here.ablate(name="heard", runs=1, progress=progress)
    trials = [("MTL-run1"), ("MTL-fo-run1")]
    each = [line for name in trials for line in (f"started {name}", f"epoch 1 of {name}", f"ended {name}")]
    assert progress.heard == ["begun heard on sample", *each]


def test_the_record_says_the_call(searched: SearchStudy) -> None:
    plan = json.loads((searched.folder / "plan.json").read_bytes())
    assert plan["command"].startswith("silktune.search(data='")
    assert "sampler='grid'" in plan["command"]
    assert "progress" not in plan["command"]


def test_a_space_that_was_read(here: Here, searched: SearchStudy) -> None:
    space = space_file.load(str(here.folder / "space.yaml"), {"train.max_epochs": 1})
    again = here.search(space=space, settings=None)
    assert again.folder == searched.folder
    with pytest.raises(SettingsError, match="a space that was read already has its settings"):
        here.search(space=space)


WRONG: list[tuple[Callable[[Here], Any], type[Exception], str]] = [
    (lambda here: here.search(space="silkent"), SpaceError, "Did you mean silknet"),
    (lambda here: here.search(settings={"loss.gama": 1}), SettingsError, "Did you mean loss.gamma"),
    (lambda here: here.search(trials=0), SettingsError, "--trials 0: it may be 1 or more"),
    (lambda here: here.search(executor="slurm"), SettingsError, "--executor slurm: it may be ray or local"),
    (lambda here: here.search(concurrent=2), ResourceError, "runs one trial after the other"),
    (lambda here: here.search(concurrent=0), SettingsError, "--concurrent 0: it may be 1 or more"),
    (lambda here: here.search(seed=1), StudyError, "seed was 0, now 1"),
    (lambda here: here.search(name="../x"), SettingsError, "--name"),
    (lambda here: here.ablate(table="p32"), SpaceError, "Did you mean p23"),
    (lambda here: here.ablate(reference="MTL^f"), StudyError, "Did you mean MTL"),
    (lambda here: here.ablate(runs=0), SettingsError, "--runs 0: it may be 1 or more"),
]


@pytest.mark.parametrize(("asked", "error", "sentence"), WRONG)
def test_a_mistake_is_a_sentence(
    asked: Callable[[Here], Any], error: type[Exception], sentence: str, here: Here, searched: SearchStudy
) -> None:
    with pytest.raises(silktune.SilktuneError, match=sentence) as caught:
        asked(here)
    assert caught.type in (error, SpaceError)
