"""One digest: what counts in it, and how what a study keeps is read."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from silktune.errors import SettingsError
from silktune.settings import Experiment, names
from silktune.settings.experiment import neutral_values
from silktune.settings.identity import KeptExperiment, digest, experiment_digest, kept


class Keeper(BaseModel):
    experiment: KeptExperiment


def test_the_order_of_keys_does_not_count_and_all_else_does() -> None:
    assert digest({"a": 1, "b": (2,)}) == digest({"b": [2], "a": 1})
    assert len({digest(content) for content in ({}, [], {"a": 1}, {"a": 1.5}, {"a": "1"}, None)}) == 6


def test_what_is_neutral_is_not_kept() -> None:
    neutral = neutral_values()
    assert set(neutral) == {
        "data.background", "data.split_by", "loss.tau", "loss.class_weights", "loss.beta", "loss.task_weights",
        "loss.sem_margin", "train.precision", "train.stop_on", "train.self_views",
    }  # fmt: skip
    assert set(kept(Experiment())) == set(names()) - set(neutral)
    assert kept(Experiment().with_({"loss.tau": 1}))["loss.tau"] == 1


def test_what_was_not_kept_is_read_as_neutral_and_not_as_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    written = Keeper(experiment=Experiment().with_({"loss.gamma": 1})).model_dump_json()
    monkeypatch.setattr("silktune.settings.identity.neutral_values", lambda: {"loss.tau": 2.0})
    assert Keeper.model_validate_json(written).experiment.loss.tau == 2


@pytest.mark.parametrize("changes", [{}, {"loss.tau": 1}, {"net.NN_tfc": ()}, {"data.variables": ("a,b", "c")}])
def test_what_is_kept_is_read_back(changes: dict[str, Any]) -> None:
    keeper = Keeper(experiment=Experiment().with_(changes))
    assert Keeper.model_validate_json(keeper.model_dump_json()) == keeper


def test_what_this_version_does_not_know_is_a_sentence() -> None:
    with pytest.raises(SettingsError, match=r"loss\.delta is no setting"):
        Keeper.model_validate_json('{"experiment": {"loss.delta": 1}}')


def test_settings_may_be_left_out_of_it() -> None:
    longer = Experiment().with_({"train.max_epochs": 7})
    assert experiment_digest(longer, "d") != experiment_digest(Experiment(), "d")
    without = ("train.max_epochs",)
    assert experiment_digest(longer, "d", without) == experiment_digest(Experiment(), "d", without)


class TestTheTrunksOwnWeights:
    def test_of_a_resnet_are_those_of_studies_that_named_them(self) -> None:
        named = Experiment().with_({"net.weights": "IMAGENET1K_V1"})
        assert named == Experiment() == Experiment().with_({"net.weights": "pretrained"})
        assert kept(Experiment())["net.weights"] == "IMAGENET1K_V1"
        assert named.net.weights_digest == Experiment().net.weights_digest == "IMAGENET1K_V1"
        assert experiment_digest(Experiment(), "data") == "391855941d06f6e9"  # as it was

    def test_go_with_the_trunk(self) -> None:
        timms = Experiment().with_({"net.trunk": "timm/convnext_atto"})
        assert (timms.net.weights, timms.net.weights_digest) == ("pretrained", "pretrained")
        assert timms.with_({"net.trunk": "resnet152"}) == Experiment()
        assert timms == timms.with_({"net.weights": "IMAGENET1K_V1"})
        assert Keeper.model_validate_json(Keeper(experiment=timms).model_dump_json()).experiment == timms

    def test_are_no_other_ones(self) -> None:
        for weights in ("none", "IMAGENET1K_V2", "weights/w.pth"):
            changed = Experiment().with_({"net.weights": weights})
            assert changed.net.weights == weights
            assert changed.with_({"net.trunk": "timm/convnext_atto"}).net.weights == weights
