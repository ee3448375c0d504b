"""A model in its folder: it says what a person needs to know, and gives what the trained network gave."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from silktune.core import backbones
from silktune.core.pixels import as_images
from silktune.data.dataset import Dataset
from silktune.errors import StudyError
from silktune.model import folder
from silktune.model.folder import ABOUT, FROZEN, TRAINED
from silktune.storage import Storage
from tests.model.conftest import Left
from tests.model.trained import leave


@pytest.mark.parametrize(
    ("trunk", "weights", "NB_RN"),
    [
        ("resnet18", "none", 1),
        ("timm/test_resnet", "none", 0),
        ("timm/test_vit", "none", 2),
        ("timm/test_convnext", "none", 1),
        ("timm/tf_efficientnet_lite0", "pretrained", 1),
        ("timm/regnetx_002", "none", 0),
    ],
)
def test_it_gives_what_was_trained_without_its_data_and_its_trunk(
    trunk: str, weights: str, NB_RN: int, woven: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 160 if trunk.endswith("test_vit") else 32
    changes = {"net__trunk": trunk, "net__weights": weights, "net__NB_RN": NB_RN, "data__image_size": size}
    trained, path = leave(woven, tmp_path / "run", test=False, **changes)
    images = torch.rand(5, 3, size, size)
    with torch.no_grad():
        expected = trained.network(images)
    asked: list[str] = []
    build = backbones.build
    monkeypatch.setattr(backbones, "build", lambda name, *how: asked.append(how[0]) or build(name, *how))
    about = folder.describe(path)
    network = folder.load(path, about)
    assert asked == ["none"]
    with torch.no_grad():
        for found, one in zip(network(images), expected, strict=True):
            torch.testing.assert_close(found, one, rtol=1e-4, atol=1e-4)


def test_it_says_what_it_is(runs: list[Left], woven: Dataset) -> None:
    about = folder.describe(runs[0][1])
    assert about.names == {v.name: v.names for v in woven.variables}
    assert about.data.digest == woven.digest
    assert about.data.images == {subset: len(woven.rows(subset)) for subset in ("train", "validation", "test")}
    assert (about.preparation.image_size, about.preparation.crop) == (32, "whole")
    assert about.backbone.F == 1280
    assert about.backbone.mean == pytest.approx((0.5, 0.5, 0.5), abs=0.1)
    assert set(about.temperatures) == {v.name for v in woven.variables}
    assert about.experiment.train.seed == 1
    assert {"torch", "silktune"} <= set(about.versions)
    card = (runs[0][1] / "README.md").read_text(encoding="utf-8")
    for text in (woven.digest, "On the test set, in percent", "temperature", "Where it ends", "net.NB_RN=0"):
        assert text in card


def test_what_runs_froze_in_common_is_kept_once(runs: list[Left], tmp_path: Path) -> None:
    paths = [tmp_path / name / "model" for name in ("a", "b")]
    for (_, source), path in zip(runs, paths, strict=True):
        folder.bring(Storage.of(source), path)
        assert sorted(file.name for file in path.iterdir()) == sorted(file.name for file in source.iterdir())
    assert (paths[0] / FROZEN).samefile(paths[1] / FROZEN)
    assert not (paths[0] / TRAINED).samefile(paths[1] / TRAINED)


def damaged(path: Path, kind: str) -> None:
    about = json.loads((path / ABOUT).read_text(encoding="utf-8"))
    match kind:
        case "no model.json":
            (path / ABOUT).unlink()
        case "torn model.json":
            (path / ABOUT).write_text('{"form": 1,', encoding="utf-8")
        case "another form":
            (path / ABOUT).write_text(json.dumps(about | {"form": 7}), encoding="utf-8")
        case "another version":
            about["experiment"]["net"]["novelty"] = 1
            (path / ABOUT).write_text(json.dumps(about), encoding="utf-8")
        case "another decoding":
            about["preparation"]["decoding"] = 99
            (path / ABOUT).write_text(json.dumps(about), encoding="utf-8")
        case "torn weights":
            (path / TRAINED).write_bytes((path / TRAINED).read_bytes()[:-100])
        case "no weights":
            (path / FROZEN).unlink()
        case "weights of another":
            shutil.copy(path / TRAINED, path / FROZEN)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("no model.json", "this is no model of silktune (there is no model.json in it)"),
        ("torn model.json", "model.json is damaged"),
        ("another form", "this model is of form 7, and this silktune reads form 2"),
        ("another version", "is damaged, or of another version of silktune"),
        ("another decoding", "was trained on images of decoding 99"),
        ("torn weights", "weights.safetensors: this file of a model is missing or damaged"),
        ("no weights", "frozen.safetensors: this file of a model is missing or damaged (No such file"),
        (
            "weights of another",
            "frozen.safetensors: this file of a model is missing or damaged (its tensors are others",
        ),
    ],
)
def test_what_is_damaged_is_said(kind: str, sentence: str, runs: list[Left], tmp_path: Path) -> None:
    path = tmp_path / "model"
    shutil.copytree(runs[0][1], path)
    damaged(path, kind)
    with pytest.raises(StudyError) as raised:
        folder.load(path, folder.describe(path))
    assert sentence in str(raised.value)


def test_images_are_as_the_network_was_trained_on(runs: list[Left], woven: Dataset) -> None:
    """What was said of the validation images is said again, by the loaded network of their pixels."""
    trained, path = runs[0]
    about, rows = folder.describe(path), woven.rows("validation")
    with torch.no_grad():
        found = folder.load(path, about)(as_images(torch.from_numpy(woven.images[rows])))
        again = trained.network(as_images(torch.from_numpy(woven.images[rows])))
    for one, other in zip(found, again, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-5, atol=1e-5)
