"""Images that are decoded in processes of their own: damage, size, and a process that dies."""

from __future__ import annotations

import os
import signal
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from silktune.data import decoder_worker
from silktune.data.colour import descriptor
from silktune.data.decoder_pool import Decoders, DiedError
from silktune.data.image_decoding import crop, read, resize
from tests.data.conftest import picture

LIMIT = 1_000_000  # pixels


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    with Decoders(1, LIMIT) as found:
        yield found


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, rows: bytes) -> bytes:
    """A grey PNG of 8 bits."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def zeroed(data: bytes) -> bytes:
    """300 bytes in the middle are lost."""
    middle = len(data) // 2
    return data[:middle] + bytes(300) + data[middle + 300 :]


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]


def test_a_row_is_what_reading_gives(tmp_path: Path, decoders: Decoders) -> None:
    picture(tmp_path / "a.png", height=90, width=60)
    pixels, colour = decoders.call(decoder_worker.row, tmp_path / "a.png", 16, "centre")
    image = crop(read(tmp_path / "a.png"), "centre")
    assert np.array_equal(pixels, resize(image, 16))
    assert np.array_equal(colour, descriptor(image))


@pytest.mark.parametrize(
    ("suffix", "options", "damage"),
    [
        (".jpg", {}, zeroed),
        (".jpg", {"progressive": True}, zeroed),
        (".jpg", {"progressive": True}, flipped),
        (".png", {}, flipped),
        (".tif", {"compression": "tiff_lzw"}, zeroed),
        (".tif", {"compression": "tiff_adobe_deflate"}, flipped),
        (".tif", {"compression": "jpeg"}, zeroed),
        (".webp", {}, flipped),
        (".gif", {}, flipped),
        (".avif", {}, flipped),
    ],
)
def test_damage_in_the_middle_is_found_and_nothing_is_printed(
    tmp_path: Path, decoders: Decoders, capfd: pytest.CaptureFixture[str],
    suffix: str, options: dict[str, object], damage: Callable[[bytes], bytes],
) -> None:  # fmt: skip
    path = tmp_path / f"a{suffix}"
    Image.fromarray(picture(tmp_path / "a.bmp", height=480, width=640)).save(path, **options)
    assert not isinstance(decoders.call(decoder_worker.row, path, 16, "whole"), str)
    path.write_bytes(damage(path.read_bytes()))
    reason = decoders.call(decoder_worker.row, path, 16, "whole")
    assert isinstance(reason, str)
    assert "damaged" in reason
    assert "[" not in reason
    assert capfd.readouterr() == ("", "")


def test_the_reason_is_the_decoders(tmp_path: Path, decoders: Decoders) -> None:
    picture(tmp_path / "a.jpg", height=480, width=640)
    (tmp_path / "a.jpg").write_bytes(zeroed((tmp_path / "a.jpg").read_bytes()))
    reason = decoders.call(decoder_worker.row, tmp_path / "a.jpg", 16, "whole")
    assert reason == "it is damaged: Corrupt JPEG data: premature end of data segment"
    picture(tmp_path / "b.png")
    assert not isinstance(decoders.call(decoder_worker.row, tmp_path / "b.png", 16, "whole"), str)


def test_what_only_looks_odd_to_a_decoder_is_read(tmp_path: Path, decoders: Decoders) -> None:
    """A JPEG of an unknown revision, of which libjpeg warns."""
    picture(tmp_path / "a.jpg")
    data = bytearray((tmp_path / "a.jpg").read_bytes())
    data[data.index(b"JFIF\0") + 5] = 9
    (tmp_path / "a.jpg").write_bytes(data)
    assert not isinstance(decoders.call(decoder_worker.row, tmp_path / "a.jpg", 16, "whole"), str)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp", ".gif", ".jp2", ".avif", ".ppm"])
def test_the_size_is_read_from_the_header(tmp_path: Path, decoders: Decoders, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    picture(path, height=70, width=90)
    whole = path.read_bytes()
    if suffix in (".jpg", ".png", ".bmp", ".ppm"):
        path.write_bytes(whole[: max(1000, len(whole) // 10)])
    assert decoders.call(decoder_worker.size, path) == (90, 70)


def test_of_a_file_with_several_pages_the_first_counts(tmp_path: Path, decoders: Decoders) -> None:
    pages = [Image.new("RGB", (20, 10)), Image.new("RGB", (3000, 3000))]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    assert decoders.call(decoder_worker.size, tmp_path / "a.tif") == (20, 10)


def test_the_limit_holds_where_no_header_is_read(tmp_path: Path, decoders: Decoders) -> None:
    """Radiance HDR, which Pillow does not know."""
    picture(tmp_path / "a.hdr", height=1100, width=1100)
    assert decoders.call(decoder_worker.size, tmp_path / "a.hdr") is None
    reason = decoders.call(decoder_worker.row, tmp_path / "a.hdr", 16, "whole")
    assert reason == "it is too large: it has more pixels than --max-megapixels allows"


def test_a_header_that_lies_changes_nothing(tmp_path: Path, decoders: Decoders) -> None:
    """A PNG that says 2 × 2 and has rows of 1000 pixels; one that says more than it has."""
    (tmp_path / "a.png").write_bytes(png(2, 2, bytes(1001) * 1000))
    (tmp_path / "b.png").write_bytes(png(900, 900, bytes(3) * 2))
    assert decoders.call(decoder_worker.size, tmp_path / "a.png") == (2, 2)
    for name in ("a.png", "b.png"):
        found = decoders.call(decoder_worker.row, tmp_path / name, 16, "whole")
        assert isinstance(found, str) or found[0].shape == (16, 16, 3)


def die(path: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fail(path: Path) -> None:
    raise ZeroDivisionError(path)


@pytest.mark.timeout(60)
def test_a_process_that_dies_takes_only_its_call_with_it(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    with Decoders(1, LIMIT) as decoders:
        for _ in range(2):
            with pytest.raises(DiedError, match="it was killed, as a system does that is short of memory"):
                decoders.call(die, tmp_path)
        assert decoders.call(decoder_worker.size, tmp_path / "a.png") == (50, 40)


def test_an_error_that_nobody_foresaw_keeps_its_cause(decoders: Decoders, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        decoders.call(fail, tmp_path)


def test_no_process_is_left(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    with Decoders(1, LIMIT) as decoders:
        decoders.call(decoder_worker.size, tmp_path / "a.png")
        decoder = decoders._idle.get()
        decoders._idle.put(decoder)
    assert decoder
    assert decoder._process.returncode == 0


def test_a_large_jpeg_is_decoded_at_a_smaller_scale_with_pixels_to_spare(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg", height=1000, width=1200)
    full = read(tmp_path / "a.jpg")
    for least, shape in ((600, (1000, 1200)), (250, (500, 600)), (125, (250, 300)), (32, (125, 150))):
        small = read(tmp_path / "a.jpg", least)
        assert small.shape[:2] == shape
        assert np.abs(resize(small, least).astype(int) - resize(full, least)).max() <= 4


def test_other_formats_are_decoded_whole(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((600, 600, 3), np.uint8))
    assert read(tmp_path / "a.png", 16).shape == (600, 600, 3)
