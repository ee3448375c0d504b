"""What L_sem (P23 Eq. 6) can learn from a set of labels: which images can be anchors, which triplets are valid.

N images of a training set; i is the anchor, p its positive, n its negative, three different images
M variables; a label is a class id, −1 unknown, or background
A triplet is valid where its margin is positive; an anchor has at least one valid triplet.

Images with the same labels are alike, so patterns of labels are counted instead of images, and pairs instead of
triplets: an anchor's valid triplets are its positives of each similarity times its negatives of a lower one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from silktune.data.variables import UNKNOWN

Ints = NDArray[np.int64]
Margin = Literal["all", "comparable"]  # loss.sem_margin
BLOCK = 2**22  # pairs of patterns that are compared together


@dataclass(frozen=True)
class TripletShares:
    """Of some images and of all their triplets, the shares that L_sem can use."""

    anchors: float  # of N images
    triplets: float  # of N·(N − 1)·(N − 2) triplets


def triplet_shares(labels: Ints, background: Ints) -> dict[Margin, TripletShares]:
    """The shares for either margin (`loss.sem_margin`).

    Paper: P23 Eq. (6).
    Differs: nothing, for `all`; `comparable` is ours (`core.similarity.semantic`).

    Args:
        labels: (N, M), −1 is unknown.
        background: (M,) the id of each variable's background label, −1 if it has none.
    """
    N, M = labels.shape
    patterns, images = np.unique(labels, axis=0, return_counts=True)
    ranks = _ranks(M)
    valid: Mapping[Margin, list[Ints]] = {margin: [] for margin in ranks}
    rows = max(1, BLOCK // max(1, len(patterns)))
    for start in range(0, len(patterns), rows):
        anchors = np.arange(start, min(start + rows, len(patterns)))
        pairs = _pairs(patterns, images, anchors, background)
        for margin, of_pair in ranks.items():
            valid[margin].append(_valid(pairs, *of_pair))
    shares = {}
    for margin, parts in valid.items():
        each = np.concatenate(parts) if parts else np.zeros(0, np.int64)
        usable, triplets = int(images[each > 0].sum()), sum(int(n) * int(v) for n, v in zip(images, each, strict=True))
        shares[margin] = TripletShares(usable / max(N, 1), triplets / max(N * (N - 1) * (N - 2), 1))
    return shares


def _ranks(M: int) -> dict[Margin, tuple[Ints, Ints]]:
    """For each margin the rank of a pair as a positive and as a negative, by equal·(M + 1) + comparable variables.

    A triplet is valid where its positive's rank is the higher one. Ranks are those of whole numbers and of quotients of
    whole numbers, which are the same floating-point number where they are equal.
    """
    equal, comparable = (n.ravel() for n in np.divmod(np.arange((M + 1) ** 2), M + 1))
    shares = np.divide(equal, comparable, out=np.zeros(len(equal)), where=comparable > 0)
    _, rank = np.unique(shares, return_inverse=True)
    never = np.where(comparable > 0, rank, rank.max() + 1)  # what cannot be compared at all is no negative
    return {"all": (equal, equal + M - comparable), "comparable": (rank, never)}


def _pairs(patterns: Ints, images: Ints, anchors: Ints, background: Ints) -> Ints:
    """(A, (M + 1)²) how many other images each anchor has with so many equal and so many comparable variables."""
    M, A = patterns.shape[1], len(anchors)
    code = np.zeros((A, len(patterns)), np.int64)
    for m in range(M):
        one, other = patterns[anchors, m, None], patterns[None, :, m]
        both_rare = (one == background[m]) & (other == background[m])
        comparable = (one != UNKNOWN) & (other != UNKNOWN) & ~both_rare
        code += comparable
        code += (M + 1) * (comparable & (one == other))
    itself = code[np.arange(A), anchors]
    code += (M + 1) ** 2 * np.arange(A)[:, None]
    counts = np.bincount(code.ravel(), np.tile(images, A), A * (M + 1) ** 2).reshape(A, -1).astype(np.int64)
    counts[np.arange(A), itself] -= 1  # an image is no pair with itself
    return counts


def _valid(pairs: Ints, positive: Ints, negative: Ints) -> Ints:
    """(A,) the valid triplets of each anchor."""
    levels = int(max(positive.max(), negative.max())) + 1
    positives, negatives = np.zeros((2, len(pairs), levels), np.int64)
    for code in range(pairs.shape[1]):
        positives[:, positive[code]] += pairs[:, code]
        negatives[:, negative[code]] += pairs[:, code]
    below = negatives.cumsum(axis=1) - negatives
    valid: Ints = (positives * below).sum(axis=1)
    return valid
