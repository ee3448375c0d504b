"""Perceptual hashes: images that look alike have hashes that differ in few bits, whatever their size and compression.

A hash is the signs of the 255 lowest frequencies of a 32 × 32 grey image's cosine transform about their median, as
PDQ's and pHash's are (Zauner 2010). A cropped copy is found since every image is hashed under a few crops, too: one of
them is near what the copy shows.

Notation: N images, C crops of each, W words of a hash, S pixels per side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import product
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

SIDE, LOW = 32, 16  # pixels per side that are transformed, frequencies per side that are kept
WORDS = LOW * LOW // 64
CROPPED = 0.05  # of a side's length: what a copy may lack there
CROPS = tuple(product((0.0, CROPPED), repeat=4))  # shares that are cut off: left, top, right, bottom; nothing at first
BITS = 80  # of 255, in which the hashes of two pictures of one thing differ at most; those of others in 128 ± 8
BLOCK = 256  # images that are compared with all others at once

Grey = npt.NDArray[np.uint8]  # (S, S)
Hashes = npt.NDArray[np.uint64]  # (N, C, W)


class Candidate(NamedTuple):
    """Two images that may show one picture: a crop of the first has nearly the hash of the second."""

    first: int
    second: int
    crop: int  # which of CROPS
    bits: int  # in which the hashes differ


def grey(pixels: npt.NDArray[np.uint8], side: int) -> Grey:
    """(S, S, 3) RGB → (side, side)."""
    image = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    smaller = side < len(image)
    return np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC))


def hashes(images: Iterable[Grey], progress: Callable[[int], None]) -> Hashes:
    """The hashes of grey images, (N, C, W); `progress` is told how many are done."""
    found = []
    for number, image in enumerate(images, 1):
        low = np.array([cv2.dct(_cropped(image, crop))[:LOW, :LOW].ravel()[1:] for crop in CROPS])
        bits = np.zeros((len(CROPS), 64 * WORDS), np.uint8)
        bits[:, 1:] = low > np.median(low, axis=1, keepdims=True)
        found.append(np.packbits(bits, axis=1).view(np.uint64))
        progress(number)
    return np.array(found, np.uint64).reshape(-1, len(CROPS), WORDS)


def box(crop: int) -> tuple[float, float, float, float]:
    """What a crop leaves, as shares of the sides: left, top, width, height."""
    left, top, right, bottom = CROPS[crop]
    return left, top, 1 - left - right, 1 - top - bottom


def candidates(hashed: Hashes, bits: int = BITS) -> list[Candidate]:
    """The pairs in which a crop of one image has nearly the hash of the other, nearest first, each pair once.

    Every image is compared with every other under each crop: 0.1 µs a pair on one core.

    Args:
        hashed: (N, C, W).
        bits: in which two hashes may differ.
    """
    whole, N = hashed[:, 0], len(hashed)
    nearest: dict[tuple[int, int], Candidate] = {}
    for start in range(0, N, BLOCK):
        block = hashed[start : start + BLOCK]
        distance, best = np.full((len(block), N), 255, np.uint8), np.zeros((len(block), N), np.uint8)
        for crop in range(len(CROPS)):
            differ = np.zeros_like(distance)
            for word in range(WORDS):
                differ += np.bitwise_count(block[:, crop, None, word] ^ whole[None, :, word])
            best[differ < distance] = crop
            np.minimum(distance, differ, out=distance)
        for row, second in np.argwhere(distance <= bits).tolist():
            found = Candidate(start + row, second, int(best[row, second]), int(distance[row, second]))
            pair = (min(found[:2]), max(found[:2]))
            if pair[0] != pair[1] and (pair not in nearest or found.bits < nearest[pair].bits):
                nearest[pair] = found
    return sorted(nearest.values(), key=lambda found: (found.bits, found.first, found.second))


def _cropped(image: Grey, crop: tuple[float, ...]) -> npt.NDArray[np.float32]:
    S, (left, top, right, bottom) = len(image), crop
    part = image[round(top * S) : S - round(bottom * S), round(left * S) : S - round(right * S)]
    small: npt.NDArray[np.float32] = cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    return small
