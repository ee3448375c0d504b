"""How unlike its training images an image is: the distance of its features to their k-th nearest neighbour.

Sun et al., Out-of-Distribution Detection with Deep Nearest Neighbors (ICML 2022): with features of length 1, a sample
of the training images does. An image is unlike them if it is further from them than nearly all validation images,
which have the same origin and were not trained on.

N images, n training images, F length of f_RN
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

NEIGHBOUR = 5  # k
MOST = 2000  # training images that are kept
INSIDE = 0.99  # of the validation images
TINY = 1e-3  # a limit: float16 has no more digits


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Training images, and how far from them is unlike them."""

    features: NDArray[np.float16]  # (n, F), of length 1
    limit: float  # of the distance

    @classmethod
    def of(cls, train: NDArray[np.float32], validation: NDArray[np.float32]) -> Self:
        """From f_RN of training images (n, F) and of validation images (N, F); without these nothing is unlike."""
        kept = cls(_unit(train).astype(np.float16), np.inf)
        if not (len(train) and len(validation)):
            return kept
        return cls(kept.features, float(np.quantile(kept.distance(validation), INSIDE)))

    def distance(self, f_RN: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, F) → (N,) Euclidean distance of the unit vectors to the k-th nearest of the training images, 0 to 2."""
        if not len(self.features):
            return np.zeros(len(f_RN), np.float32)
        k = min(NEIGHBOUR, len(self.features))
        cosine = _unit(f_RN) @ self.features.astype(np.float32).T
        nearest = np.partition(cosine, -k, axis=1)[:, -k]
        distance: NDArray[np.float32] = np.sqrt(np.maximum(2 - 2 * nearest, 0)).astype(np.float32)
        return distance

    def unlike(self, f_RN: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, F) → (N,) the distance over its limit: above 1 an image is unlike the training images."""
        return (self.distance(f_RN) / max(self.limit, TINY)).astype(np.float32)


def _unit(f_RN: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of length 1; a row of zeros stays."""
    length = np.linalg.norm(f_RN, axis=1, keepdims=True)
    return (f_RN / np.where(length > 0, length, 1)).astype(np.float32)
