"""`silktune.search_each`, and `silktune search --variables`: a search of a single-task network for every variable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import silktune
from silktune.api.studies import SearchStudy
from silktune.cli.app import app
from silktune.data.sample_data import collection
from silktune.errors import DataError, SettingsError, SilktuneError, TrialsFailed
from silktune.study import plan
from silktune.study.paths import StudyPaths
from tests.api.conftest import ONE_EPOCH, SPACE

pytestmark = pytest.mark.timeout(240)

VARIABLES = ("place", "time")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("each")
    collection.weave(made / "woven", 120, 0)
    (made / "space.yaml").write_text(SPACE, encoding="utf-8")
    return made


def search(folder: Path, variables: tuple[str, ...] = VARIABLES, **changes: Any) -> dict[str, SearchStudy]:
    given: dict[str, Any] = {
        "space": folder / "space.yaml", "settings": ONE_EPOCH, "sampler": "grid", "confirm": 0, "final_runs": 1,
        "executor": "local", "device": "cpu", "root": folder / "runs", "name": "s",
    }  # fmt: skip
    return silktune.search_each(folder / "woven" / "labels.csv", variables, **(given | changes))


@pytest.fixture(scope="module")
def searched(folder: Path) -> dict[str, SearchStudy]:
    return search(folder)


def outcomes(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.glob("runs/s-*/outcomes/*.json")}


def test_each_variable_has_a_study_of_its_own_on_one_data_set(searched: dict[str, SearchStudy], folder: Path) -> None:
    assert list(searched) == list(VARIABLES)
    for variable, study in searched.items():
        assert study.folder == folder / "runs" / f"s-{variable}"
        assert list(study.trials["data.variables"]) == [(variable,), (variable,)]
        assert f"{variable}.f1" in study.test.columns
        assert study.winner is not None
        assert study.winner.experiment.data.background == "unknown"
        call = plan.read(StudyPaths(study.folder)).command
        assert call.startswith("silktune.search_each(data=")
        assert "variables=('place', 'time')" in call
        assert "sampler='grid', confirm=0, final_runs=1" in call
    assert len([path for path in (folder / "runs" / "data").iterdir() if path.name != "images"]) == 1


def test_again_trains_nothing_and_background_may_be_a_class(searched: dict[str, SearchStudy], folder: Path) -> None:
    before = outcomes(folder)
    other = search(folder, ("material",), settings=ONE_EPOCH | {"data.background": "class"}, name="t")["material"]
    assert other.winner is not None
    assert other.winner.experiment.data.background == "class"
    assert list(search(folder)) == list(VARIABLES)
    assert outcomes(folder) == before


def test_the_command_prints_a_row_for_each(searched: dict[str, SearchStudy], folder: Path) -> None:
    words = ["search", str(folder / "space.yaml"), "train.max_epochs=1", "--data", str(folder / "woven/labels.csv")]
    words += ["--variables", "place, time", "--sampler", "grid", "--confirm", "0", "--final-runs", "1"]
    words += ["--executor", "local", "--device", "cpu", "--root", str(folder / "runs"), "--name", "s"]
    before = outcomes(folder)
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert outcomes(folder) == before
    text = " ".join(result.output.split())
    assert "Single-task networks on the test set [%]" in text
    for variable, study in searched.items():
        assert study.winner is not None
        assert f"{variable} {study.winner.id} {100 * study.test[f'{variable}.f1'].iloc[0]:.1f}" in text
        assert f"data.variables={variable}" in text


def test_a_space_has_its_say_of_background_and_none_of_variables(
    searched: dict[str, SearchStudy], folder: Path
) -> None:
    background, variables = folder / "background.yaml", folder / "variables.yaml"
    background.write_text(SPACE.replace("set:", "set:\n  data.background: class", 1), encoding="utf-8")
    found = search(folder, ("material",), space=background, name="u")["material"]
    assert found.winner is not None
    assert found.winner.experiment.data.background == "class"
    variables.write_text(SPACE.replace("set:", "set:\n  data.variables: [time]", 1), encoding="utf-8")
    with pytest.raises(SettingsError, match=r"variables\.yaml: set: data\.variables: with --variables each"):
        search(folder, ("place",), space=variables, name="wrong")
    assert not list(folder.glob("runs/wrong*"))


@pytest.mark.parametrize(
    ("variables", "changes", "kind", "sentence"),
    [
        (("place", "tim"), {}, DataError, "has no variable tim. Did you mean time?"),
        (("place", "place"), {}, SettingsError, "--variables place,place: name each variable once"),
        ((), {}, SettingsError, "name each variable once, and at least one"),
        (("place",), {"settings": {"data.variables": ("time",)}}, SettingsError, "data.variables: with --variables"),
    ],
)
def test_what_cannot_be_searched_is_said_before_anything_is_trained(
    folder: Path, variables: tuple[str, ...], changes: dict[str, Any], kind: type[SilktuneError], sentence: str
) -> None:
    with pytest.raises(kind, match=sentence.replace("?", r"\?").replace(".", r"\.")):
        search(folder, variables, name="wrong", **changes)
    assert not list(folder.glob("runs/wrong*"))


def test_where_no_trial_finishes_each_variable_says_why(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def diverges(*_: object) -> None:
        raise SilktuneError("The loss L is nan.")

    monkeypatch.setattr("silktune.core.training.fit", diverges)
    heard: list[str] = []
    watcher = silktune.Progress()
    watcher.note = heard.append  # type: ignore[method-assign]
    with pytest.raises(TrialsFailed) as raised:
        search(folder, name="f", progress=watcher)
    sentences = str(raised.value).splitlines()
    assert [sentence.partition(":")[0] for sentence in sentences] == list(VARIABLES)
    assert all("None of the 2 trials finished: The loss L is nan." in sentence for sentence in sentences)
    assert [sentence for sentence in heard if sentence in sentences] == sentences
    assert all((folder / "runs" / f"f-{variable}" / "outcomes").is_dir() for variable in VARIABLES)
