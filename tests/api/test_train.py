"""`silktune.train` and `silktune.describe`."""

from __future__ import annotations

from pathlib import Path

import pytest

import silktune
from silktune.data.dataset import Dataset
from silktune.errors import SettingsError
from silktune.outcome import Epoch, Outcome
from silktune.study.plan import Trial
from silktune.study.search_report import settings_yaml
from tests.core.trainings import SMALL, small


class Epochs(silktune.Progress):
    def __init__(self) -> None:
        self.numbers: list[int] = []

    def epoch(self, trial: Trial, epoch: Epoch) -> None:
        self.numbers.append(epoch.number)


def test_a_training(tiny: Dataset, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    progress, settings = Epochs(), SMALL | {"train.max_epochs": 2}
    trained = silktune.train(
        tiny.folder, settings, folder=tmp_path / "run", device="cpu", threads=1, test=True, progress=progress
    )
    assert capfd.readouterr() == ("", "")
    assert progress.numbers == [1, 2] == list(trained.epochs.index)
    outcome = Outcome.read(tmp_path / "run" / "outcome.json")
    assert outcome == trained.outcome
    assert outcome.validation is not None
    assert outcome.test is not None
    assert list(trained.test.index) == [*(variable.name for variable in tiny.variables), "mean"]
    assert trained.test["f1"]["mean"] == outcome.test.mean_f1
    assert trained.validation["OA"]["mean"] == outcome.validation.OA
    assert trained.epochs["train.loss.L"][2] == outcome.epochs[1].train_loss["L"]
    assert "<table" in trained._repr_html_()


def test_the_base_is_a_file_or_an_experiment(tiny: Dataset, tmp_path: Path) -> None:
    (tmp_path / "winner.yaml").write_text(settings_yaml(small(), "The winner."), encoding="utf-8")
    both = [
        silktune.train(tiny.folder, {"train.max_epochs": 1}, base=base, device="cpu", threads=1)
        for base in (tmp_path / "winner.yaml", small())
    ]
    assert both[0].outcome.validation == both[1].outcome.validation
    assert both[0].folder is None
    assert len(both[0].test) == 0


def test_a_setting_that_is_none(tiny: Dataset) -> None:
    with pytest.raises(SettingsError, match=r"Did you mean loss\.gamma"):
        silktune.train(tiny.folder, {"loss.gama": 1})


def test_a_description(tiny: Dataset) -> None:
    described = silktune.describe(tiny.folder)
    assert list(described.variables.index) == [variable.name for variable in tiny.variables]
    for variable in tiny.variables:
        classes = described.classes.loc[variable.name]
        interest = classes.drop(index="background", errors="ignore")
        assert list(interest["images"]) == list(variable.counts)
        assert list(classes["images"]) == list(classes[["train", "validation", "test"]].sum(axis=1))
        assert described.variables["labelled"][variable.name] == interest["images"].sum()
    assert "<table" in described._repr_html_()
    assert list(described.triplets.index) == ["all", "comparable"]
    assert described.triplets["anchors"].between(0.01, 1).all()
    with pytest.raises(SettingsError, match="is not about the data"):
        silktune.describe(tiny.folder, {"loss.gamma": 1})
