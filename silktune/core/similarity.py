"""How similar two images are, by their labels and by their colours (P23 §3.2, P22 §3.2).

N images of a mini-batch: i is the anchor, o any other image
M variables; label −1 is unknown, label `background[m]` is the background of variable m
h a colour descriptor, 25 counts of pixels
Y^io, u^io shares of the M variables; ρ_io a correlation
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Margin = Literal["all", "comparable"]
MOST_COMPARABLE = 74  # variables; of more, different quotients of their numbers are too near for `triplets.GRAINS`


def semantic(labels: Tensor, background: Tensor, *, margin: Margin = "all") -> tuple[Tensor, Tensor]:
    """The semantic similarity Y and the share u of variables that cannot be compared, for every pair of
    images.

    Paper: P23 Eq. (6), P22 Eq. (3) for M = 1.
    Differs: two background labels are not comparable, since they may be two different rare classes;
        background against a class of interest is comparable and unequal. The papers say nothing of either. A margin
        over the `comparable` variables is ours.

    Args:
        labels: (N, M) int64, −1 is unknown.
        background: (M,) int64, the id of each variable's background label, −1 if it has none.
        margin: `all` takes shares of all M variables, so that a positive has to agree in more of them than a negative
            may agree in. `comparable` takes shares of those that are comparable for the pair, and a pair without any is
            neither positive nor negative. With M = 1, or where all labels are known and none is background, both are
            the same.

    Returns:
        Y: (N, N), share of the variables that are known for both images and equal; multiples of 1/M, or of 1 over the
            number of comparable variables.
        u: (N, N), share of the M variables that are not comparable: unknown for one of the images, or
            background for both. Multiples of 1/M; with `comparable` 1 where none is comparable, else 0.
    """
    M = labels.shape[1]
    known = labels >= 0
    rare = known & (labels == background)
    telling = known & ~rare
    one, other = (torch.where(telling, labels, none).int().T.contiguous() for none in (-1, -2))  # none equals none
    equal = torch.zeros((len(labels), len(labels)), dtype=torch.int16, device=labels.device)
    for of_one, of_other in zip(one, other, strict=True):
        equal += of_one[:, None] == of_other
    known, rare = known.float(), rare.float()
    comparable = known @ known.T - rare @ rare.T  # whole numbers, exact
    if margin == "comparable":
        return equal / comparable.clamp(min=1), (comparable == 0).to(comparable)
    return equal / M, (M - comparable) / M


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
