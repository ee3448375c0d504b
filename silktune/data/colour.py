"""The colour descriptor of an image, from which the colour similarity of two images follows.

Notation: r = 5 cells per side of the grid; H, S hue and saturation in [0, 1]; x to the right, y downwards.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from silktune.data.image_decoding import Image, resize

r = 5
SIDE = 224
NEAR = 1e-3  # to a border, in cells: OpenCV's x and y in float32 err by less than 2e-6 for each of the 2²⁴ colours
_PLACES = np.array([2**16, 2**8, 1], np.int32)  # of R, G and B in a colour as one number

Floats = npt.NDArray[np.float64]


def descriptor(image: Image) -> Floats:
    """h, (r²,): how many pixels have their hue and saturation in each cell of a grid over the colour disc.

    Every pixel is a point x = r/2·(1 + S·cos 2πH), y = r/2·(1 + S·sin 2πH) in [0, r]²; the r×r cells are
    counted and their rows (equal y) concatenated. The last cell holds its upper border too. The counts add up
    to 224².

    Paper: P23 Eq. (7), P22 Eq. (4) (their descriptor h); r and the order of the cells from the released code.
    Differs: nothing. (Pastel colours lie exactly on the borders of cells. What is near one is computed in double
    precision, once for each colour; for the rest float32 is enough. OpenCV's 8-bit hue would not be.)
    """
    pixels = resize(image, SIDE)
    hsv = cv2.cvtColor(pixels.astype(np.float32), cv2.COLOR_RGB2HSV)
    hue, saturation = cv2.extractChannel(hsv, 0), cv2.extractChannel(hsv, 1)
    x, y = (r / 2 + r / 2 * side for side in cv2.polarToCart(saturation, hue, angleInDegrees=True))
    cells = y.astype(np.uint8) * r + x.astype(np.uint8)
    near = np.flatnonzero((np.abs(x - np.rint(x)) < NEAR) | (np.abs(y - np.rint(y)) < NEAR))
    cells.reshape(-1)[near] = r * r  # not among those that are counted
    counts = np.bincount(cells.reshape(-1), minlength=r * r)[: r * r].astype(np.float64)
    colours, times = np.unique(pixels.reshape(-1, 3)[near] @ _PLACES, return_counts=True)
    return counts + np.bincount(_cells(colours), times, r * r)


def _cells(colours: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """The cell of each colour, a number of 24 bits."""
    H, S = hue_saturation((colours[:, None] // _PLACES % 256).astype(np.uint8))
    x = r / 2 * (1 + S * np.cos(2 * np.pi * H))
    y = r / 2 * (1 + S * np.sin(2 * np.pi * H))
    return np.minimum(y.astype(np.int64), r - 1) * r + np.minimum(x.astype(np.int64), r - 1)


def hue_saturation(image: Image) -> tuple[Floats, Floats]:
    """H and S of HSV of (…, 3) RGB, each (…) in [0, 1]; both 0 for a grey pixel."""
    R, G, B = np.moveaxis(image.astype(np.float64) / 255, -1, 0)
    high = np.maximum(np.maximum(R, G), B)
    span = high - np.minimum(np.minimum(R, G), B)
    S = span / np.where(high > 0, high, 1)
    some = np.where(span > 0, span, 1)
    red, green, blue = (high - R) / some, (high - G) / some, (high - B) / some
    sixths = np.where(high == R, blue - green, np.where(high == G, 2 + red - blue, 4 + green - red))
    return np.where(span > 0, (sixths / 6) % 1, 0), S
