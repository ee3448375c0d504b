"""Grad-CAM: maps of every family of trunks, against plain gradients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from silktune.core.pixels import as_images
from silktune.core.silknet import Network, network
from silktune.data.dataset import Dataset
from silktune.errors import SettingsError
from silktune.model import grad_cam
from silktune.model.ensemble import Ensemble
from silktune.settings import Net
from tests.model.conftest import Left

SIDE = 64


def pixels(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def built(trunk: str, NB_RN: int, seed: int = 0) -> Network:
    torch.manual_seed(seed)
    made = network(Net(trunk=trunk, weights="none", NB_RN=NB_RN, NN_jfc=(16,), NN_tfc=()), [3, 4], SIDE)
    return made.requires_grad_(False).eval()


@pytest.mark.parametrize("NB_RN", [0, 1, 2])
@pytest.mark.parametrize("trunk", ["resnet18", "timm/test_resnet", "timm/test_efficientnet", "timm/test_convnext"])
def test_the_maps_are_those_of_plain_gradients(trunk: str, NB_RN: int) -> None:
    made, images = built(trunk, NB_RN), as_images(torch.from_numpy(pixels()[None]))
    layers = [*made.prefix.layers, *made.silknet.suffix.layers]
    maps = (images - made.prefix.mean) / made.prefix.deviation
    for layer in layers[:-1]:
        maps = layer(maps)
    maps = maps.detach().requires_grad_()
    logits = made.silknet.classify(made.silknet.joined(layers[-1](maps)))
    (gradient,) = torch.autograd.grad(logits[1][0, 2], maps)
    expected = (gradient.mean((2, 3), keepdim=True) * maps).sum(1).relu()[0].detach().numpy()
    found = grad_cam.heat([made], images, 1, 2)
    assert expected.max() > 0
    np.testing.assert_allclose(found, expected / expected.max(), atol=1e-5)


@pytest.mark.parametrize("trunk", ["timm/test_vit", "timm/test_vit2", "timm/swin_tiny_patch4_window7_224"])
def test_a_transformer_has_maps_too_and_going_there_and_back_changes_no_logit(trunk: str) -> None:
    size = 224 if "swin" in trunk else 160 if "vit" in trunk else SIDE
    torch.manual_seed(0)
    made = network(Net(trunk=trunk, weights="none", NB_RN=1, NN_jfc=(16,), NN_tfc=()), [3], size).eval()
    seen = np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8)
    images = as_images(torch.from_numpy(seen[None]))
    maps, tail = grad_cam._cut(made, images, {})
    assert maps.shape[2] == maps.shape[3] > 1
    torch.testing.assert_close(tail(maps, 0), made(images)[0], rtol=1e-4, atol=1e-5)
    found = grad_cam.heat([made.requires_grad_(False)], images, 0, 1)
    assert found.shape == tuple(maps.shape[2:])
    assert 0 <= found.min() <= found.max() <= 1


def test_a_trunk_that_cannot_be_cut_has_no_maps() -> None:
    made, images = built("timm/test_byobnet", 0), as_images(torch.from_numpy(pixels()[None]))
    with pytest.raises(SettingsError, match="cannot cut this model's trunk"):
        grad_cam.heat([made], images, 0, 0)


def test_of_several_networks_it_is_the_mean() -> None:
    images = as_images(torch.from_numpy(pixels()[None]))
    made = [built("timm/test_resnet", 1, seed) for seed in (0, 1)]
    one, two, both = (grad_cam.heat(networks, images, 0, 1) for networks in ([made[0]], [made[1]], made))
    assert both.max() == pytest.approx(1)
    assert not np.allclose(one, two)
    assert ((both > 0) == ((one > 0) | (two > 0))).all()


def test_a_picture_has_the_size_that_the_network_sees(runs: list[Left], woven: Dataset, tmp_path: Path) -> None:
    model = Ensemble.load([folder for _, folder in runs], torch.device("cpu"))
    grad_cam.check(model)
    path = tmp_path / "a.png"
    Image.fromarray(pixels()).resize((300, 100)).save(path)
    variable, classes = next(iter(model.names.items()))
    size = model.about.preparation.image_size
    pictures = [grad_cam.picture(model, path, variable, cls) for cls in classes[:2]]
    assert {picture.shape for picture in pictures} == {(size, size, 3)}
    assert (pictures[0] != pictures[1]).any()
