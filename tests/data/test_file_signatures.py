"""What a file is that is no image, or one of a format that is not read."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from silktune.data import file_signatures
from silktune.data.image_decoding import UnreadableError, decode

READ_NOT = "which is not read here; convert it to PNG, TIFF or JPEG"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "an HEIC picture"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "an HEIC picture"),
        (b"\0\0\0\x18ftypcrx \0\0\0\0crx isom", "a camera raw file"),
        (b"II*\0\x10\0\0\0CR\2\0", "a camera raw file"),
        (b"FUJIFILMCCD-RAW 0201", "a camera raw file"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", "a video"),
        (b"8BPS\0\1", "a Photoshop file (PSD)"),
        (b"gimp xcf v011", "a GIMP file (XCF)"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"%!PS-Adobe-3.0", "a PostScript file"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
        (b"\xff\x0a\xfa\x1f", "a JPEG XL picture"),
        (b'<?xml version="1.0"?>\n<!-- a -->\n<svg xmlns="x">', "an SVG drawing"),
        (b"\xef\xbb\xbf<svg>", "an SVG drawing"),
        (b"PK\3\4", "a ZIP archive"),
        (bytes(128) + b"DICM", "a DICOM file"),
    ],
)
def test_it_is_named(data: bytes, kind: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        decode(data + bytes(200), "a.jpg")
    assert str(caught.value) == f"a.jpg: this image cannot be read: it is {kind}, {READ_NOT}."


def test_what_pillow_knows_is_named_after_it() -> None:
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PCX")
    with pytest.raises(UnreadableError, match=f"it is a PCX picture, {READ_NOT}"):
        decode(file.getvalue(), "a.pcx")


def test_a_raw_file_is_not_taken_for_its_preview() -> None:
    """NEF, ARW, DNG, …: a TIFF whose first picture is a small one."""
    for tag, value in ((254, 1), (50706, b"\1\4\0\0")):
        file = io.BytesIO()
        Image.new("RGB", (16, 12)).save(file, "TIFF", tiffinfo={tag: value})
        with pytest.raises(UnreadableError, match="camera raw file, of which only the preview could be read; convert"):
            decode(file.getvalue(), "a.nef")


def test_a_note_of_git_lfs_is_no_image() -> None:
    with pytest.raises(UnreadableError, match="fetch it with git lfs pull"):
        decode(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n", "a.jpg")


def test_an_avif_is_no_video() -> None:
    assert file_signatures.explain(b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf") == ""
    assert file_signatures.explain(b"\0\0\0\x20ftypavif\0\0\0\0avifmif1") == ""


def test_an_image_that_is_read_is_not_explained() -> None:
    assert file_signatures.explain(b"\x89PNG\r\n", "PNG") == ""
    assert file_signatures.explain(b"<html>", "") == ""
