"""The augmentation x′ of an image x for the self-similarity loss (P23 Eq. 8).

N images of S × S pixels, values in [0, 1], as floats (N, 3, S, S)

Chance and pixels are apart: `draw` draws the parameters of the whole global batch, `apply` is a function of
an image and its own parameters. So an image has the same augmentation whatever its worker and its
batch-mates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample

# P23 §3.2: the ranges of its augmentation
CROP = (0.7, 1.0)
ANGLE = 5.0  # degrees
HUE = 0.05  # of a full turn
SATURATION = (0.9, 1.0)
SIGMA = 0.1

IMAGES_AT_ONCE = 16  # temporary tensors stay small


@dataclass(frozen=True)
class Augmentation:
    """The parameters of N augmentations, each an array (N,)."""

    turns: NDArray[np.int64]  # quarter turns counter-clockwise: 0 or 1
    horizontal: NDArray[np.bool_]  # left and right swapped
    vertical: NDArray[np.bool_]  # top and bottom swapped
    crop: NDArray[np.float64]  # share of each side that is kept, around the centre
    angle: NDArray[np.float64]  # degrees, counter-clockwise
    hue: NDArray[np.float64]  # added to H in [0, 1]
    saturation: NDArray[np.float64]  # factor of S
    sigma: NDArray[np.float64]  # standard deviation of the noise
    seed: NDArray[np.int64]  # of the noise

    def __len__(self) -> int:
        return len(self.seed)

    def __getitem__(self, rows: slice | NDArray[Any]) -> Augmentation:
        """The parameters of some of the images."""
        return Augmentation(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def together(parts: Sequence[Augmentation]) -> Augmentation:
    """The parameters of all, one after the other."""
    names = [field.name for field in fields(Augmentation)]
    return Augmentation(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def draw(n: int, rng: np.random.Generator) -> Augmentation:
    """The parameters of n augmentations.

    Paper: P23 §3.2, below Eq. (8).
    Differs: nothing. The crop is around the centre as in the released code, but drawn for every image, while
        the released code draws one share for a whole training.
    """
    return Augmentation(
        turns=rng.integers(0, 2, n),
        horizontal=rng.random(n) < 0.5,
        vertical=rng.random(n) < 0.5,
        crop=rng.uniform(*CROP, n),
        angle=rng.uniform(-ANGLE, ANGLE, n),
        hue=rng.uniform(-HUE, HUE, n),
        saturation=rng.uniform(*SATURATION, n),
        sigma=np.full(n, SIGMA),
        seed=rng.integers(0, 2**63, n),
    )


def apply(images: Tensor, augmentation: Augmentation) -> Tensor:
    """The augmented images x′, in the order: rotations, flips, crop, hue and saturation, noise.

    Paper: P23 Eq. (8).
    Differs: Geometry is one bilinear resampling instead of one after the other; what a rotation brings in
        from outside is the image reflected at its border, where the released code puts black.

    Args:
        images: (N, 3, S, S) floats in [0, 1]. Their device draws the noise, so CPU and CUDA draw it
            differently.
        augmentation: N parameters.

    Returns:
        (N, 3, S, S) in [0, 1].
    """
    if len(images) != len(augmentation):
        raise ValueError(f"{len(images)} images, but {len(augmentation)} augmentations")
    out = torch.empty_like(images)
    for first in range(0, len(images), IMAGES_AT_ONCE):
        part = slice(first, first + IMAGES_AT_ONCE)
        a = augmentation[part]
        moved = _resample(images[part], _geometry(a))
        tinted = _tint(moved, _column(a.hue, moved), _column(a.saturation, moved))
        out[part] = (tinted + _noise(tinted, a)).clamp(0.0, 1.0)
    return out


def _column(values: NDArray[np.float64], images: Tensor) -> Tensor:
    """(N,) parameters as (N, 1, 1) beside the images."""
    return torch.from_numpy(values).to(images)[:, None, None]


def _geometry(a: Augmentation) -> NDArray[np.float64]:
    """(N, 2, 2): where in the image (x right, y down, in [−1, 1]) a point of the augmented image lies."""
    angle = np.deg2rad(a.angle + 90.0 * a.turns)
    flip_x, flip_y = np.where(a.horizontal, -a.crop, a.crop), np.where(a.vertical, -a.crop, a.crop)
    rows = [
        [np.cos(angle) * flip_x, -np.sin(angle) * flip_y],
        [np.sin(angle) * flip_x, np.cos(angle) * flip_y],
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def _resample(images: Tensor, geometry: NDArray[np.float64]) -> Tensor:
    """Bilinear resampling; the grid is made elementwise, so no matrix product's precision moves a pixel."""
    S = images.shape[-1]
    centres = (torch.arange(S, device=images.device, dtype=images.dtype) * 2 + 1) / S - 1
    y, x = centres[:, None], centres[None, :]
    g = torch.from_numpy(geometry).to(images)[..., None, None]
    grid = torch.stack([g[:, 0, 0] * x + g[:, 0, 1] * y, g[:, 1, 0] * x + g[:, 1, 1] * y], -1)
    return grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _tint(images: Tensor, hue: Tensor, saturation: Tensor) -> Tensor:
    """RGB images (N, 3, S, S) with `hue` added to their H and their S times `saturation`, both (N, 1, 1)."""
    H, S, V = _hsv(images)
    H, S = H + hue, S * saturation
    # each channel is V, less V·S where the hue is far from the channel's own; n = 5, 3, 1 for R, G, B
    turned = [(n + 6 * H).remainder(6) for n in (5, 3, 1)]
    return torch.stack([V - V * S * torch.minimum(k, 4 - k).clamp(0, 1) for k in turned], 1)


def _hsv(images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """H, S, V in [0, 1] of RGB images (N, 3, S, S), each (N, S, S)."""
    R, G, B = images.unbind(1)
    V = images.amax(1)
    C = V - images.amin(1)
    chroma = torch.where(C > 0, C, 1.0)
    from_red, from_green, from_blue = (G - B) / chroma, (B - R) / chroma + 2, (R - G) / chroma + 4
    H = torch.where(V == R, from_red, torch.where(V == G, from_green, from_blue))
    return (H / 6).remainder(1), C / torch.where(V > 0, V, 1.0), V


def _noise(images: Tensor, a: Augmentation) -> Tensor:
    """Gaussian noise of each image, from its own seed."""
    generator = torch.Generator(images.device)
    noise = torch.empty_like(images)
    for row, seed, sigma in zip(noise, a.seed, a.sigma, strict=True):
        row.normal_(generator=generator.manual_seed(int(seed))).mul_(float(sigma))
    return noise
