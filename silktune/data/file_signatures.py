"""What a file is that no image can be read from, told from how it begins, and what to do about it."""

from __future__ import annotations

import re

CONVERT = "convert it to PNG, TIFF or JPEG"
READ = {"AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "SUN", "TIFF", "WEBP"}  # Pillow's names
_RAW = "camera raw file"
_BEGINNINGS: dict[bytes, str] = {
    b"8BPS": "Photoshop file (PSD)", b"gimp xcf": "GIMP file (XCF)", b"%PDF-": "PDF document",
    b"%!PS": "PostScript file", b"\xc5\xd0\xd3\xc6": "PostScript file", b"AT&TFORM": "DjVu document",
    b"\x76\x2f\x31\x01": "OpenEXR picture", b"\xff\x0a": "JPEG XL picture", b"\0\0\0\x0cJXL ": "JPEG XL picture",
    b"II\xbc": "JPEG XR picture", b"qoif": "QOI picture", b"DDS ": "DDS texture", b"\0\0\1\0": "Windows icon",
    b"FUJIFILMCCD-RAW": _RAW, b"IIRO": _RAW, b"IIRS": _RAW, b"MMOR": _RAW, b"IIU\0": _RAW, b"FOVb": _RAW,
    b"\0MRM": _RAW, b"SIMPLE  =": "FITS file", b"\xd7\xcd\xc6\x9a": "Windows metafile",
    b"PK\3\4": "ZIP archive", b"\x1f\x8b": "gzip archive", b"Rar!": "RAR archive", b"7z\xbc\xaf": "7z archive",
}  # fmt: skip
_PATTERNS: dict[str, re.Pattern[bytes]] = {
    _RAW: re.compile(rb"(?:II\*\0|MM\0\*).{4}CR|.{4}ftypcrx ", re.DOTALL),
    "HEIC picture": re.compile(rb".{4}ftyp(?:he|mif1|msf1)", re.DOTALL),
    "video": re.compile(rb".{4}ftyp(?!avi[fs])|RIFF.{4}AVI |\x1aE\xdf\xa3", re.DOTALL),
    "DICOM file": re.compile(rb".{128}DICM", re.DOTALL),
    "SVG drawing": re.compile(rb"[^\0]*?<svg\b", re.IGNORECASE),
}
_LFS = b"version https://git-lfs"


def explain(beginning: bytes, known_as: str = "") -> str:
    """What the file is and what to do, without a full stop; "" if it may be an image of a kind that is read.

    Args:
        beginning: the first kilobyte of the file.
        known_as: what Pillow calls its format, "" if it does not know it.
    """
    if beginning.startswith(_LFS):
        return "it is Git LFS's note of the image, not the image; fetch it with git lfs pull"
    if kind := _kind(beginning) or ("" if known_as in READ else known_as and f"{known_as} picture"):
        return f"it is {_article(kind)} {kind}, which is not read here; {CONVERT}"
    return ""


def _kind(beginning: bytes) -> str:
    if b"avif" in beginning[8:64]:  # one of the brands of an AVIF, whichever is named first
        return ""
    named = (kind for begin, kind in _BEGINNINGS.items() if beginning.startswith(begin))
    matching = (kind for kind, pattern in _PATTERNS.items() if pattern.match(beginning))
    return next(named, "") or next(matching, "")


def _article(noun: str) -> str:
    """Of a noun as it is spoken: an HEIC, an SVG, an FITS, an OpenEXR; a PDF."""
    word = noun.split(maxsplit=1)[0]
    spelled = word.isupper() and word not in ("GIMP", "DICOM", "ZIP", "RAR")
    return "an" if word[0] in ("AEFHILMNORSX" if spelled else "AEIOaeio") else "a"
