"""From the bytes of an image file to pixels: RGB, 8 bit, resized without aliasing."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from silktune.errors import DataError

Image = npt.NDArray[np.uint8]  # (H, W, 3), RGB

_JPEG, _PNG = b"\xff\xd8", b"\x89PNG"


def read(path: Path) -> Image:
    """The image in a file, upright as its EXIF says, transparent parts on white.

    Raises:
        DataError: there is no such file, or it holds no whole image that OpenCV can decode.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: this image cannot be read: {error.strerror or error}.") from error
    return decode(data, str(path))


def decode(data: bytes, name: str) -> Image:
    """The image in the bytes of a file; `name` begins the complaint."""
    if not data:
        raise DataError(f"{name}: this image cannot be read: the file is empty.")
    if _torn(data):
        raise DataError(f"{name}: this image cannot be read: the file ends in the middle of the picture.")
    image = _decode(data, cv2.IMREAD_COLOR)
    if image is None:
        raise DataError(f"{name}: this image cannot be read: it is no image or a damaged one.")
    rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return rgb if data.startswith(_JPEG) else _on_white(rgb, data)


def _torn(data: bytes) -> bool:
    """A JPEG without its end marker, a PNG without its last chunk: some decoders fill them up with grey."""
    if data.startswith(_JPEG):
        return data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")
    return data.startswith(_PNG) and b"IEND" not in data


def _decode(data: bytes, flags: int) -> npt.NDArray[np.uint8] | None:
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # we say what is wrong
    try:
        decoded: npt.NDArray[np.uint8] | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None
    return decoded


def _on_white(rgb: Image, data: bytes) -> Image:
    """Colours behind transparent pixels are nobody's intention."""
    whole = _decode(data, cv2.IMREAD_UNCHANGED)
    if whole is None or whole.ndim < 3 or whole.shape[2] != 4 or whole.shape[:2] != rgb.shape[:2]:
        return rgb
    alpha = whole[..., 3:].astype(np.float32) / np.iinfo(whole.dtype).max
    return np.rint(rgb * alpha + 255 * (1 - alpha)).astype(np.uint8)


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
