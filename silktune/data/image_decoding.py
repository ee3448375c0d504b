"""From the bytes of an image file to pixels: RGB, 8 bit, resized without aliasing.

OpenCV decodes. Pillow reads the headers, and decodes what OpenCV does not turn or make opaque as it should:
images with transparent parts, and AVIF.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageOps

from silktune.data import file_signatures
from silktune.errors import DataError

Image = npt.NDArray[np.uint8]  # (H, W, 3), RGB

ORIENTATION = 0x0112  # EXIF's tag
_JPEG, _PNG = b"\xff\xd8", b"\x89PNG"
_PNG_DEPTH = 24  # where a PNG has its bits per sample
LIMIT = "CV_IO_MAX_IMAGE_"  # names OpenCV's own limit, which holds whatever a header says
TOO_LARGE = "it is too large: it has more pixels than --max-megapixels allows"
_DAMAGED = "it is no image or a damaged one"
_PREVIEW = (254, 50706)  # tags of a TIFF: NewSubfileType, whose first bit says reduced; DNGVersion
_REDUCED = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}
_TO_SPARE = 2  # pixels per side that a reduced image has for each that is needed


class UnreadableError(DataError):
    """An image that cannot be used; `reason` says why, without its name and a full stop."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: this image cannot be read: {reason}.")
        self.reason = reason


@dataclass(frozen=True)
class Header:
    """What the beginning of a file says of its image."""

    kind: str  # JPEG, PNG, …; Pillow's names
    size: tuple[int, int]  # width, height, before it is turned upright
    transparent: bool
    preview: bool = False  # the picture is a small copy beside the real one, as in a camera's raw file


def header(source: Path | bytes) -> Header | None:
    """The header of an image file; None if Pillow does not know it. No pixel is decoded.

    Raises:
        OSError: the file cannot be opened.
    """
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        try:
            image = PIL.Image.open(file)
        except Exception:  # whatever a damaged header makes a plugin raise
            return None
        tags: Any = getattr(image, "tag_v2", {}) if image.format == "TIFF" else {}
        preview = bool(tags.get(_PREVIEW[0], 0) & 1) or _PREVIEW[1] in tags
        return Header(image.format or "", image.size, image.has_transparency_data, preview)


def read(path: Path, least: int | None = None) -> Image:
    """The image in a file, upright as its EXIF says, transparent parts on white.

    Args:
        path: the file.
        least: pixels per side that are needed: a JPEG that is much larger is decoded at a half, a quarter or an
            eighth of its size, with at least twice as many; None: at its full size.

    Raises:
        UnreadableError: there is no such file, or it holds no whole image that can be decoded.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableError(str(path), error.strerror or str(error)) from error
    return decode(data, str(path), least)


def decode(data: bytes, name: str, least: int | None = None) -> Image:
    """The image in the bytes of a file; `name` begins the complaint. See `read`."""
    about = header(data)
    if reason := _hopeless(data, about):
        raise UnreadableError(name, reason)
    try:
        if about and (about.kind == "AVIF" or about.transparent):
            return _opaque(data)
        image = cv2.imdecode(np.frombuffer(data, np.uint8), _flags(about, least))
    except (MemoryError, OSError, SyntaxError, ValueError, RuntimeError, cv2.error) as error:
        raise UnreadableError(name, _reason(error)) from error
    if image is None:
        raise UnreadableError(name, _DAMAGED)
    rgb: Image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return rgb


def _reason(error: Exception) -> str:
    """Why an image cannot be used whose decoder raised this."""
    if isinstance(error, MemoryError) or (isinstance(error, cv2.error) and error.code == cv2.Error.StsNoMem):
        return "there is not enough memory to decode it"
    return TOO_LARGE if LIMIT in str(error) else _DAMAGED


def _hopeless(data: bytes, about: Header | None) -> str:
    """Why it is of no use to decode the file; "" if it may be of some."""
    if not data:
        return "the file is empty"
    if about and about.preview:
        return f"it is a camera raw file, of which only the preview could be read; {file_signatures.CONVERT}"
    if _torn(data):
        return "the file ends in the middle of the picture"
    return file_signatures.explain(data[:1024], about.kind if about else "")


def _torn(data: bytes) -> bool:
    """A JPEG without its end marker, a PNG without its last chunk: some decoders fill them up with grey."""
    if data.startswith(_JPEG):
        return data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")
    return data.startswith(_PNG) and b"IEND" not in data


def _flags(about: Header | None, least: int | None) -> int:
    """How OpenCV is to decode: in colour, upright, a JPEG at the smallest of its scales that is large enough."""
    if least is None or about is None or about.kind not in ("JPEG", "MPO"):
        return cv2.IMREAD_COLOR
    room = min(about.size) // (_TO_SPARE * least)
    return next((flags for factor, flags in _REDUCED.items() if factor <= room), cv2.IMREAD_COLOR)


def _opaque(data: bytes) -> Image:
    """The image on white, upright: colours behind transparent pixels are nobody's intention."""
    with PIL.Image.open(io.BytesIO(data)) as image:
        if image.format != "PNG":
            return _on_white(
                np.asarray(PIL.ImageOps.exif_transpose(image).convert("RGBA"), np.float32) / np.float32(255)
            )
        upright = PIL.Image.fromarray(_on_white(_png(data, image.info.get("transparency"))))
        upright.getexif()[ORIENTATION] = image.getexif().get(ORIENTATION, 1)
        return np.asarray(PIL.ImageOps.exif_transpose(upright))


def _png(data: bytes, key: object) -> npt.NDArray[np.float32]:
    """(H, W, 4) in [0, 1], not turned; libpng knows what is transparent, but not of grey images in OpenCV.

    Args:
        data: the file.
        key: of a grey image the value that is transparent, as the file has it.
    """
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError("damaged")
    high = np.iinfo(pixels.dtype).max
    if pixels.ndim == 2:
        value = _spread(int(str(key)), data[_PNG_DEPTH])
        pixels = np.dstack([pixels, pixels, pixels, np.where(pixels == value, 0, high).astype(pixels.dtype)])
    rgba: npt.NDArray[np.float32] = cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA).astype(np.float32) / high
    return rgba


def _spread(value: int, bits: int) -> int:
    """A grey value of 1, 2 or 4 bits as one of 8; Pillow has done it for 1 bit."""
    return value * 255 // (2**bits - 1) if bits in (2, 4) else value


def _on_white(rgba: npt.NDArray[np.float32]) -> Image:
    """(H, W, 4) in [0, 1] → (H, W, 3)."""
    colour, alpha = rgba[..., :3], rgba[..., 3:]
    white: Image = np.rint(255 * (colour * alpha + 1 - alpha)).astype(np.uint8)
    return white


def crop(image: Image, how: Literal["whole", "centre"]) -> Image:
    """The whole image, or the largest square in its middle."""
    if how == "whole":
        return image
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def resize(image: Image, size: int) -> Image:
    """The image as size × size pixels: each side averaged where it shrinks, interpolated where it grows."""
    height, width = image.shape[:2]
    smaller = (min(width, size), min(height, size))
    if smaller != (width, height):
        image = cv2.resize(image, smaller, interpolation=cv2.INTER_AREA)
    if smaller != (size, size):
        image = cv2.resize(image, (size, size), interpolation=cv2.INTER_CUBIC)
    return image
