"""Transparent parts become white where they are seen: after the image is turned upright."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from silktune.data.image_decoding import ORIENTATION, decode
from tests.data.test_decoders import chunk

TURNS = {  # what has to be done to the stored picture, EXIF 2.3 §4.6.4
    1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1), 6: lambda a: np.rot90(a, -1), 7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}  # fmt: skip
LOSSLESS = {"PNG": {}, "WEBP": {"lossless": True}, "TIFF": {}, "AVIF": {"quality": 100, "subsampling": "4:4:4"}}


def quadrants() -> np.ndarray:
    """(40, 60, 4): red, green, blue and, transparent, yellow."""
    image = np.zeros((40, 60, 4), np.uint8)
    image[:20, :30], image[:20, 30:] = (250, 10, 10, 255), (10, 250, 10, 255)
    image[20:, :30], image[20:, 30:] = (10, 10, 250, 255), (250, 250, 10, 0)
    return image


def white(rgba: np.ndarray) -> np.ndarray:
    return np.where(rgba[..., 3:] == 0, 255, rgba[..., :3])


def saved(image: Image.Image, kind: str, orientation: int, **options: object) -> bytes:
    file, exif = io.BytesIO(), Image.Exif()
    exif[ORIENTATION] = orientation
    image.save(file, kind, exif=exif, **options)
    return file.getvalue()


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("kind", LOSSLESS)
def test_the_right_quadrant_is_white(kind: str, orientation: int) -> None:
    found = decode(saved(Image.fromarray(quadrants()), kind, orientation, **LOSSLESS[kind]), "a")
    due = TURNS[orientation](white(quadrants()))
    assert found.shape == due.shape
    assert np.abs(found.astype(int) - due).max() <= 8


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("kind", [*LOSSLESS, "JPEG"])
def test_an_opaque_image_is_turned_the_same(kind: str, orientation: int) -> None:
    image = quadrants()[..., :3].copy()
    options = LOSSLESS.get(kind, {"quality": 100, "subsampling": 0})
    found = decode(saved(Image.fromarray(image), kind, orientation, **options), "a")
    assert np.abs(found.astype(int) - TURNS[orientation](image)).max() <= 12


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("mode", ["LA", "P"])
def test_so_of_grey_and_of_a_palette(mode: str, orientation: int) -> None:
    image = Image.fromarray(quadrants())
    made = image.convert("LA") if mode == "LA" else image.quantize(4, method=Image.Quantize.FASTOCTREE)
    found = decode(saved(made, "PNG", orientation), "a")
    due = TURNS[orientation](white(np.asarray(made.convert("RGBA"))))
    assert np.array_equal(found, due)


def png(bits: int, kind: int, row: bytes, width: int, transparent: bytes) -> bytes:
    """A PNG of one row, uncompressed pixels `row`, with a transparent value."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, bits, kind, 0, 0, 0))
    body = chunk(b"tRNS", transparent) + chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + body


@pytest.mark.parametrize(
    ("bits", "row", "key", "due"),
    [
        (1, b"\x50", 1, [0, 255, 0, 255]),
        (1, b"\x50", 0, [255, 255, 255, 255]),
        (2, b"\x1b", 2, [0, 85, 255, 255]),
        (4, b"\x05\xaf", 10, [0, 85, 255, 255]),
        (8, bytes([0, 5, 10, 15]), 10, [0, 5, 255, 15]),
        (16, struct.pack(">4H", 0, 2570, 2571, 65535), 2570, [0, 255, 10, 255]),
    ],
)
def test_the_transparent_value_of_a_grey_png_is_white(bits: int, row: bytes, key: int, due: list[int]) -> None:
    found = decode(png(bits, 0, row, 4, struct.pack(">H", key)), "a")
    assert found[0].tolist() == [[grey] * 3 for grey in due]


def test_the_transparent_colour_of_sixteen_bits_is_that_colour_alone() -> None:
    row = struct.pack(">6H", 2570, 0, 0, 2571, 0, 0)
    found = decode(png(16, 2, row, 2, struct.pack(">3H", 2570, 0, 0)), "a")
    assert found.tolist() == [[[255, 255, 255], [10, 0, 0]]]


def test_half_transparent_is_half_white() -> None:
    image = np.full((2, 2, 4), (100, 0, 200, 51), np.uint8)
    for kind in ("PNG", "TIFF"):
        assert decode(saved(Image.fromarray(image), kind, 1), "a")[0, 0].tolist() == [224, 204, 244]
