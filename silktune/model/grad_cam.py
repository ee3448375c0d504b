"""Where a network looks: Grad-CAM (Selvaraju et al., ICCV 2017), as captum computes it.

Its maps are what the last block of the trunk gives. Of a transformer's tokens they are what that block
starts from, since of what it gives only the token counts that is pooled.

N images, S pixels per side, C channels of h × w maps
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from math import isqrt
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from silktune.core.pixels import as_images
from silktune.core.silknet import Network, SilkNet
from silktune.data.image_decoding import Image
from silktune.errors import SettingsError
from silktune.model.ensemble import Ensemble
from silktune.model.images import pixels as pixels_of

EXTRA = "silktune[explain]"
SMALLEST = float(np.finfo(np.float32).tiny)
OPAQUE = 0.5  # of the colours over an image
Arrange = Callable[[Tensor], Tensor]
Passed = tuple[Tensor, Tensor]  # what the last block of a trunk starts from, and what it gives


def check(model: Ensemble) -> None:
    """See that it can be computed of a model.

    Raises:
        SettingsError: captum is not installed, or the trunk has no maps that silktune knows of.
    """
    if find_spec("captum") is None:
        raise SettingsError(f"Grad-CAM needs the package captum: pip install '{EXTRA}'.")
    size = model.about.preparation.image_size
    _cut(model.members[0].network, torch.zeros((1, 3, size, size), device=model.device), {})


def heat(networks: Sequence[Network], images: Tensor, m: int, k: int) -> NDArray[np.float32]:
    """(h, w) how much each part of an image speaks for class k of variable m: the mean over networks, at most 1.

    Args:
        networks: on one device.
        images: (1, 3, S, S) in [0, 1].
        m: the variable's place.
        k: the class's.

    Raises:
        SettingsError: the trunk has no maps that silktune knows of.
    """
    from captum.attr import LayerGradCam

    found, passed = [], dict[tuple[int, ...], Passed]()
    for network in networks:
        maps, tail = _cut(network, images, passed)
        cam = LayerGradCam(tail, tail.maps)
        of = cam.attribute(maps.clone().requires_grad_(), target=k, additional_forward_args=m, relu_attributions=True)
        found.append(of[0, 0].detach().float().cpu().numpy())
    mean: NDArray[np.float32] = np.mean(found, axis=0, dtype=np.float32)
    return mean / max(float(mean.max()), SMALLEST)


def picture(model: Ensemble, path: Path, variable: str, cls: str) -> Image:
    """(S, S, 3) an image as the model sees it, under what speaks for a class of a variable: red most, blue not."""
    seen = pixels_of(path, model.about.preparation)
    names = model.names
    images = as_images(torch.from_numpy(seen[None]).to(model.device))
    networks = [member.network for member in model.members]
    found = heat(networks, images, list(names).index(variable), names[variable].index(cls))
    large = np.clip(cv2.resize(found, seen.shape[1::-1], interpolation=cv2.INTER_CUBIC), 0, 1)
    colours = cv2.cvtColor(cv2.applyColorMap((255 * large).astype(np.uint8), cv2.COLORMAP_TURBO), cv2.COLOR_BGR2RGB)
    mixed: Image = np.rint((1 - OPAQUE) * seen + OPAQUE * colours).astype(np.uint8)
    return mixed


class _Tail(nn.Module):
    """From maps (N, C, h, w) to the logits of one variable."""

    def __init__(self, back: Arrange, layers: nn.Sequential, silknet: SilkNet) -> None:
        super().__init__()
        self.maps = nn.Identity()  # captum looks at what a layer gives
        self.layers, self.silknet, self._back = layers, silknet, back

    def forward(self, maps: Tensor, m: int) -> Tensor:
        f_RN = self.layers(self._back(self.maps(maps)))
        return self.silknet.classify(self.silknet.joined(f_RN))[m]


def _cut(network: Network, images: Tensor, passed: dict[tuple[int, ...], Passed]) -> tuple[Tensor, _Tail]:
    """The maps of some images, and what makes logits of them; trunks that networks share are passed once."""
    prefix, suffix = network.prefix, network.silknet.suffix
    layers = nn.Sequential(*prefix.layers, *suffix.layers)  # the last one pools
    key = tuple(map(id, layers[:-1]))
    if key not in passed:
        with torch.no_grad():
            before = layers[:-2]((images - prefix.mean) / prefix.deviation)
            passed[key] = before, layers[-2](before)
    before, after = passed[key]
    features, cut = (before, -2) if after.ndim == 3 else (after, -1)
    if features.ndim not in (3, 4):
        raise SettingsError("Grad-CAM: silktune cannot cut this model's trunk, so there are no maps to look at.")
    forth, back = _tokens(features) if features.ndim == 3 else _pixels(features)
    return forth(features).contiguous(), _Tail(back, layers[cut:], network.silknet)


def _pixels(features: Tensor) -> tuple[Arrange, Arrange]:
    """Maps are square; some trunks have their channels last."""
    _, height, width, last = features.shape
    if height == width != last:
        return lambda maps: maps.permute(0, 3, 1, 2), lambda maps: maps.permute(0, 2, 3, 1)
    return lambda maps: maps, lambda maps: maps


def _tokens(features: Tensor) -> tuple[Arrange, Arrange]:
    """(N, T, C): a few tokens of no place in the image, then those of a square grid."""
    _, T, C = features.shape
    side = isqrt(T)
    first = features[:, : T - side**2].detach()

    def forth(tokens: Tensor) -> Tensor:
        return tokens[:, T - side**2 :].transpose(1, 2).reshape(-1, C, side, side)

    def back(maps: Tensor) -> Tensor:
        return torch.cat([first.expand(len(maps), -1, -1), maps.flatten(2).transpose(1, 2)], dim=1)

    return forth, back
