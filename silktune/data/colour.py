"""The colour descriptor of an image, from which the colour similarity of two images follows.

Notation: r = 5 cells per side of the grid; H, S hue and saturation in [0, 1]; x to the right, y downwards.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from silktune.data.image_decoding import Image, resize

r = 5
SIDE = 224

Floats = npt.NDArray[np.float64]


def descriptor(image: Image) -> Floats:
    """h, (r²,): how many pixels have their hue and saturation in each cell of a grid over the colour disc.

    Every pixel is a point x = r/2·(1 + S·cos 2πH), y = r/2·(1 + S·sin 2πH) in [0, r]²; the r×r cells are
    counted and their rows (equal y) concatenated. The last cell holds its upper border too. The counts add up
    to 224².

    Paper: P23 Eq. (7), P22 Eq. (4) (their descriptor h); r and the order of the cells from the released code.
    Differs: nothing. (H and S are computed in double precision: OpenCV's 8-bit hue moves pixels across the
    borders of cells, and so does its float32, since pastel colours lie exactly on them.)
    """
    H, S = hue_saturation(resize(image, SIDE))
    x = r / 2 * (1 + S * np.cos(2 * np.pi * H))
    y = r / 2 * (1 + S * np.sin(2 * np.pi * H))
    column = np.minimum(x.astype(np.int64), r - 1)
    row = np.minimum(y.astype(np.int64), r - 1)
    return np.bincount((row * r + column).ravel(), minlength=r * r).astype(np.float64)


def hue_saturation(image: Image) -> tuple[Floats, Floats]:
    """H and S of HSV, each (H, W) in [0, 1]; both 0 for a grey pixel."""
    R, G, B = np.moveaxis(image.astype(np.float64) / 255, -1, 0)
    high = np.maximum(np.maximum(R, G), B)
    span = high - np.minimum(np.minimum(R, G), B)
    S = span / np.where(high > 0, high, 1)
    some = np.where(span > 0, span, 1)
    red, green, blue = (high - R) / some, (high - G) / some, (high - B) / some
    sixths = np.where(high == R, blue - green, np.where(high == G, 2 + red - blue, 4 + green - red))
    return np.where(span > 0, (sixths / 6) % 1, 0), S
