"""Images that show one picture: rescaled, compressed again, cropped a little.

Hashes name candidates (`perceptual_hash`), and pixels decide. One image is laid over the other by an affine map that
maximises their correlation (ECC: Evangelidis and Psarakis 2008). They are one picture where they correlate there, and
where nowhere a part of one is lighter than in the other: emblems in the same ring correlate too, but differ in a place.

Not found: pictures that are mirrored, turned, cropped by more than `perceptual_hash.CROPPED` on a side, or taken anew.

Notation: S pixels per side
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from silktune.data.check import perceptual_hash
from silktune.data.check.perceptual_hash import Candidate, Grey

S = 112  # pixels per side that are compared
PART = 14  # pixels per side of a part that may not differ
LIKE = 0.85  # least correlation of one picture with itself
UNLIKE = 0.3  # most that a part may differ in the mean, in standard deviations of the picture
ROUNDS, ENOUGH, BLUR = 30, 1e-4, 5  # of ECC: at most so many steps, until the gain is so small; pixels smoothed
OVERLAP = 0.8  # of the second image: what has to be seen of it in the first
MOST = 20_000  # candidates that are looked at, 6 ms each


class Match(NamedTuple):
    """Two images that show one picture."""

    first: int
    second: int
    correlation: float


def matches(images: Callable[[int], Grey], found: Sequence[Candidate], progress: Callable[[int], None]) -> list[Match]:
    """Those of the candidates that show one picture, by their pixels; the smaller number is the first.

    Args:
        images: the grey pixels of an image, (S, S).
        found: the candidates.
        progress: told how many were looked at.
    """
    same = []
    for number, candidate in enumerate(found, 1):
        likeness = compare(images(candidate.first), images(candidate.second), candidate.crop)
        if likeness is not None:
            same.append(Match(min(candidate[:2]), max(candidate[:2]), likeness))
        progress(number)
    return sorted(same, key=lambda match: (-match.correlation, match))


def compare(first: Grey, second: Grey, crop: int = 0) -> float | None:
    """The correlation of two images that show one picture; None: they do not.

    Args:
        first: (S, S).
        second: (S, S), which looks like a crop of the first.
        crop: which of `perceptual_hash.CROPS`.
    """
    left, top, width, height = perceptual_hash.box(crop)
    begin = np.array([[width, 0, left * S], [0, height, top * S]], np.float32)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, ROUNDS, ENOUGH)
    try:
        _, found = cv2.findTransformECC(second, first, begin, cv2.MOTION_AFFINE, stop, None, BLUR)
    except cv2.error:  # it does not converge: they do not correlate
        return None
    laid = _warped(first, found, cv2.INTER_LINEAR).astype(np.float32)
    seen = _warped(np.ones_like(first), found, cv2.INTER_NEAREST) > 0
    if seen.mean() < OVERLAP:
        return None
    x, y = laid - laid[seen].mean(), second.astype(np.float32) - second[seen].mean()
    deviations = float(np.sqrt((x[seen] ** 2).sum() * (y[seen] ** 2).sum()))
    if not deviations:
        return None
    correlation = float((x[seen] * y[seen]).sum()) / deviations
    if correlation < LIKE or _largest_difference(x, y, seen) > UNLIKE:
        return None
    return min(correlation, 1.0)


def _warped(image: Grey, how: npt.NDArray[np.float32], interpolation: int) -> Grey:
    return np.asarray(cv2.warpAffine(image, how, (S, S), flags=interpolation | cv2.WARP_INVERSE_MAP))


def _largest_difference(x: npt.NDArray[np.float32], y: npt.NDArray[np.float32], seen: npt.NDArray[np.bool_]) -> float:
    """Of the means over parts, once contrasts agree: blur and compression change no mean, another drawing does."""
    contrast = float((x[seen] * y[seen]).sum() / (x[seen] ** 2).sum())
    means = np.abs(cv2.blur(np.where(seen, y - contrast * x, 0).astype(np.float32), (PART, PART)))
    inner = cv2.erode(seen.astype(np.uint8), np.ones((PART, PART), np.uint8)) > 0
    return float(means[inner].max(initial=0)) / float(y[seen].std())
