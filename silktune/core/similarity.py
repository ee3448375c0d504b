"""How similar two images are, by their labels and by their colours (P23 §3.2, P22 §3.2).

N images of a mini-batch: i is the anchor, o any other image
M variables; label −1 is unknown, label `background[m]` is the background of variable m
h a colour descriptor, 25 counts of pixels
Y^io, u^io shares of the M variables; ρ_io a correlation
"""

from __future__ import annotations

import torch
from torch import Tensor


def semantic(labels: Tensor, background: Tensor) -> tuple[Tensor, Tensor]:
    """The semantic similarity Y and the share u of variables that cannot be compared, for every pair of
    images.

    Paper: P23 Eq. (6), P22 Eq. (3) for M = 1.
    Differs: two background labels are not comparable, since they may be two different rare classes;
        background against a class of interest is comparable and unequal. The papers say nothing of either.

    Args:
        labels: (N, M) int64, −1 is unknown.
        background: (M,) int64, the id of each variable's background label, −1 if it has none.

    Returns:
        Y: (N, N), share of the M variables that are known for both images and equal.
        u: (N, N), share of the M variables that are not comparable: unknown for one of the images, or
            background for both. Both are multiples of 1/M.
    """
    M = labels.shape[1]
    known = labels >= 0
    rare = known & (labels == background)
    comparable = known[:, None] & known[None, :] & ~(rare[:, None] & rare[None, :])
    equal = comparable & (labels[:, None] == labels[None, :])
    return equal.sum(-1) / M, (~comparable).sum(-1) / M


def colour(descriptors: Tensor) -> Tensor:
    """The normalised cross-correlation ρ of the colour descriptors of every pair of images.

    Paper: P23 Eq. (7), P22 Eq. (4).
    Differs: nothing; a descriptor that is constant has no correlation, ρ is 0 with every image and with
        itself. (The released code subtracts the batch's mean of each grid cell instead of each image's own
        mean.)

    Args:
        descriptors: (N, 25) floats.

    Returns:
        ρ: (N, N) in [−1, 1], of the descriptors' dtype.
    """
    h = descriptors.double()
    constant = h.amax(1) == h.amin(1)
    centred = h - h.mean(1, keepdim=True)
    norm: Tensor = torch.linalg.vector_norm(centred, dim=1)
    unit = centred / norm.masked_fill(constant, torch.inf)[:, None]
    rho = unit @ unit.T
    return rho.clamp(-1.0, 1.0).to(descriptors.dtype)
