"""Decoding, cropping and resizing, with real files of many kinds."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from silktune.data.image_decoding import crop, read, resize
from silktune.errors import DataError
from tests.data.conftest import picture


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".webp", ".jpg"])
def test_what_is_written_is_read_as_rgb(tmp_path: Path, suffix: str) -> None:
    written = picture(tmp_path / f"a{suffix}")
    found = read(tmp_path / f"a{suffix}")
    assert (found.shape, found.dtype) == ((40, 50, 3), np.uint8)
    tolerance = 40 if suffix in (".jpg", ".webp") else 0
    assert np.abs(found.astype(int) - written).max() <= tolerance


def test_grey_becomes_three_channels(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((4, 5), 77, np.uint8))
    assert np.array_equal(read(tmp_path / "a.png"), np.full((4, 5, 3), 77))


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((4, 5, 3), 200 * 257, np.uint16))
    assert np.array_equal(read(tmp_path / "a.png"), np.full((4, 5, 3), 200))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_transparent_parts_are_white(tmp_path: Path, dtype: type) -> None:
    full = np.iinfo(dtype).max
    image = np.zeros((2, 3, 4), dtype)
    image[0, :, 3] = full
    cv2.imwrite(str(tmp_path / "a.png"), image)
    assert read(tmp_path / "a.png")[:, 0, 0].tolist() == [0, 255]


def test_exif_turns_the_image_upright(tmp_path: Path) -> None:
    """A JPEG whose EXIF says that it lies on its side (orientation 6)."""
    picture(tmp_path / "a.jpg", height=40, width=64)
    data = (tmp_path / "a.jpg").read_bytes()
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    segment = b"Exif\0\0" + tiff
    exif = b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment
    (tmp_path / "b.jpg").write_bytes(data[:2] + exif + data[2:])
    assert np.array_equal(read(tmp_path / "b.jpg"), np.rot90(read(tmp_path / "a.jpg"), -1))


def test_the_centre_is_the_largest_square() -> None:
    image = np.arange(5 * 8 * 3, dtype=np.uint8).reshape(5, 8, 3)
    assert np.array_equal(crop(image, "centre"), image[:, 1:6])
    assert np.array_equal(crop(image.transpose(1, 0, 2), "centre"), image.transpose(1, 0, 2)[1:6])
    assert crop(image, "whole") is image


@pytest.mark.parametrize("size", [(512, 512), (512, 20), (20, 512), (30, 30), (64, 64)])
def test_any_size_becomes_a_square(size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 90, np.uint8)
    assert np.array_equal(resize(image, 64), np.full((64, 64, 3), 90))


@pytest.mark.parametrize("shape", [(512, 512), (512, 16)])
def test_shrinking_does_not_alias(shape: tuple[int, int]) -> None:
    """Lines one pixel wide become grey, also where the other side grows."""
    image = np.zeros((*shape, 3), np.uint8)
    image[::2] = 255
    assert np.abs(resize(image, 64).astype(int) - 127).max() <= 2


def test_no_such_image(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.jpg: this image cannot be read: No such file or directory\.$"):
        read(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.jpg", b"", "the file is empty"),
        ("a.jpg", b"<html>not found</html>", "it is no image or a damaged one"),
    ],
)
def test_what_is_no_image(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError) as caught:
        read(tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name}: this image cannot be read: {reason}."


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_half_an_image_is_none(tmp_path: Path, suffix: str, share: float, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / f"a{suffix}"
    picture(path, height=200, width=300)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(DataError, match="the file ends in the middle of the picture"):
        read(path)
    assert capfd.readouterr().err == ""


def test_damage_in_the_middle_of_a_png_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    picture(path, height=200, width=300)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match="cannot be read"):
        read(path)
