"""Large JPEGs decoded at a half, a quarter or an eighth of their size, against whole ones.

On one CPU core; decoding, resizing and the colour descriptor. Prints the medians over rounds that take turns, their
ratio, and how far the prepared pixels (of 255) and the descriptors (share of the 224² pixels) are apart.
"""

from __future__ import annotations

import argparse
import statistics
import time

import cv2
import numpy as np

from silktune.data.colour import SIDE, descriptor
from silktune.data.image_decoding import Image, decode, resize
from silktune.seeds import stream

Prepared = tuple[Image, np.ndarray, float]  # pixels, descriptor, seconds


def photograph(width: int) -> Image:
    """Structures of every size, as in a photograph, under the grid of a fabric two pixels wide, and noise."""
    height = width * 2 // 3
    random = stream(0, "photograph", width)
    image = np.full((height, width, 3), 128, np.float32)
    for cells in (2**k for k in range(2, 11)):
        cell = random.normal(size=(cells * 2 // 3 + 1, cells, 3)).astype(np.float32)
        image += cv2.resize(cell, (width, height), interpolation=cv2.INTER_CUBIC) * 60 / (cells / 4) ** 0.7
    image += 12 * (np.add.outer(np.arange(height) // 2, np.arange(width) // 2) % 2)[..., None]
    image += random.normal(size=image.shape).astype(np.float32) * 4
    return np.clip(image, 0, 255).astype(np.uint8)


def prepared(data: bytes, size: int, *, whole: bool) -> Prepared:
    start = time.perf_counter()
    image = decode(data, "", None if whole else max(size, SIDE))
    made = resize(image, size), descriptor(image)
    return *made, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--widths", type=int, nargs="+", default=[1500, 3000, 6000])
    parser.add_argument("--size", type=int, default=224)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    for width in arguments.widths:
        image = photograph(width)
        for progressive in (0, 1):
            options = [cv2.IMWRITE_JPEG_QUALITY, 90, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive]
            data = cv2.imencode(".jpg", image, options)[1].tobytes()
            ways = [[prepared(data, arguments.size, whole=w) for w in (True, False)] for _ in range(arguments.rounds)]
            (full, h, _), (small, h_small, _) = ways[0]
            theirs, ours = (1000 * statistics.median(one[2] for one in way) for way in zip(*ways, strict=True))
            apart = np.abs(full.astype(int) - small)
            print(
                f"{image.shape[1]} × {image.shape[0]}{' progressive' * progressive}: {ours:.0f} ms against "
                f"{theirs:.0f} ms, ratio {theirs / ours:.1f}; pixels {apart.mean():.2f} apart, at most {apart.max()}; "
                f"descriptor {np.abs(h - h_small).sum() / 2 / SIDE**2:.2%}"
            )


if __name__ == "__main__":
    main()
