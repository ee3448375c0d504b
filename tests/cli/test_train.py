"""`silktune train` on sample data."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from silktune.cli.app import app
from silktune.data.dataset import Dataset
from silktune.errors import DataError, ResourceError, SettingsError, SilktuneError
from silktune.outcome import Outcome
from silktune.study.search_report import settings_yaml
from tests.core.trainings import SMALL, small


def words() -> list[str]:
    return [f"{name}={value}" for name, value in SMALL.items()]


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in arguments], env={"COLUMNS": "120"})
    if isinstance(result.exception, SilktuneError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_trains_keeps_and_goes_on(tiny: Dataset, tmp_path: Path) -> None:
    common = ["train", *words(), "--data", tiny.folder, "--device", "cpu", "--threads", 1, "--to", tmp_path / "run"]
    first = run(*common, "train.max_epochs=1")
    assert re.search(r"^epoch   1  L \d\.\d{3}  L_C .* \| validation  L .* F1 .* s$", first.stdout, re.MULTILINE)
    assert "Best epoch 1 of 1, " in first.stdout
    assert "validation set [%]" in first.stdout
    assert "test set" not in first.stdout
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["checkpoint.pt", "model", "outcome.json"]
    begun = Outcome.read(tmp_path / "run" / "outcome.json")
    second = run(*common, "train.max_epochs=2", "--test")
    ended = Outcome.read(tmp_path / "run" / "outcome.json")
    assert ended.epochs[0] == begun.epochs[0]  # not trained again: the seconds are the same
    assert len(ended.epochs) == 2
    assert ended.test is not None
    assert "test set [%]" in second.stdout


def test_accepts_a_searchs_winner(tiny: Dataset, tmp_path: Path) -> None:
    (tmp_path / "winner.yaml").write_text(settings_yaml(small(loss__gamma=0.1 + 0.2), "The winner."), encoding="utf-8")
    arguments = ["--data", tiny.folder, "--device", "cpu", "--threads", 1, "--to", "run"]
    run("train", "winner.yaml", "train.max_epochs=1", *arguments)
    assert json.loads((tmp_path / "run" / "outcome.json").read_text(encoding="utf-8"))["state"] == "finished"


def test_a_data_set_of_other_settings(tiny: Dataset) -> None:
    with pytest.raises(DataError, match=r"it was prepared with data\.image_size=32, not 224"):
        run("train", "--data", tiny.folder)


@pytest.mark.parametrize("command", ["train", "search", "ablate"])
def test_a_place_that_cannot_be_written_is_said_before_anything_is_done(command: str, tiny: Dataset) -> None:
    Path("file").write_text("", encoding="utf-8")
    option = "--to" if command == "train" else "--root"
    with pytest.raises(ResourceError) as caught:
        run(command, *words(), "--data", tiny.folder, option, "file/run")
    assert str(caught.value) == (
        "file/run: this cannot be written: Not a directory. A file stands where a folder is needed: name another "
        f"folder with {option}."
    )
    assert [path.name for path in Path().iterdir()] == ["file"]


def test_a_device_that_is_none(tiny: Dataset) -> None:
    with pytest.raises(SettingsError, match="--device tpu: it may be auto, cpu or cuda"):
        run("train", *words(), "--data", tiny.folder, "--device", "tpu")
