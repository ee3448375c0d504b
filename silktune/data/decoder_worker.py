"""What a process does that decodes images for another one, which has its other end in `decoder_pool`.

It alone writes on its stderr, so what the C libraries say there is of the image that it decodes. libjpeg says so, and
in no other way, that a picture is damaged, and goes on with grey or shifted pixels.
"""

from __future__ import annotations

import os
import pickle
import re
import signal
import traceback
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import PIL.Image

from silktune.data.colour import SIDE, descriptor
from silktune.data.image_decoding import LIMIT, TOO_LARGE, Image, UnreadableError, crop, header, read, resize
from silktune.data.image_store import Row

READY = "ready"
_SPOKEN = 1 << 16  # bytes of what is said of an image; what is beyond is lost
_PREFIX = re.compile(r"^(?:\[[^]]*\] global \S+ \S+ |libpng error: )")  # OpenCV's place and libpng's name
_DAMAGE = re.compile(
    r"Corrupt JPEG data|Premature end of JPEG|Inconsistent progression|libpng error|TIFF_Error|errorLogCallback"
)
_ears: list[int] = []  # where this process reads what is written on its stderr


def size(path: Path) -> tuple[int, int] | None:
    """Width and height as the file's header has them; None if there is no header that can be read."""
    try:
        about = header(path)
    except OSError:
        return None
    return about.size if about else None


def row(path: Path, side: int, how: Literal["whole", "centre"]) -> Row | str:
    """An image's pixels, `side` × `side`, and its colour descriptor, or why they cannot be had."""
    image = _image(path, side, how)
    if isinstance(image, str):
        return image
    pixels = resize(image, side)
    return pixels, descriptor(pixels if side == SIDE else image).astype(np.float32)


def pixels(path: Path, side: int, how: Literal["whole", "centre"]) -> Image | str:
    """The same pixels alone."""
    image = _image(path, side, how)
    return image if isinstance(image, str) else resize(image, side)


def _image(path: Path, side: int, how: Literal["whole", "centre"]) -> Image | str:
    """An image in its own size, or why it cannot be had."""
    _heard()
    try:
        image = crop(read(path, max(side, SIDE)), how)
    except UnreadableError as error:
        return _worse(_heard()) or error.reason
    return _worse(_heard()) or image


def _worse(spoken: str) -> str:
    """What decoders said of an image as a reason not to use it; "" if it was nothing, or no matter."""
    if LIMIT in spoken:
        return TOO_LARGE
    damage = next((line for line in spoken.splitlines() if _DAMAGE.search(line)), "")
    return f"it is damaged: {_PREFIX.sub('', damage).strip().rstrip('.')}" if damage else ""


def serve() -> None:
    """Answer calls, (function, arguments) on stdin, until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the other end
    with os.fdopen(0, "rb") as calls, os.fdopen(os.dup(1), "wb") as answers:
        _listen()
        cv2.setNumThreads(1)
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_WARNING)
        PIL.Image.MAX_IMAGE_PIXELS = None  # the limit is ours
        answer: object = READY
        while True:
            pickle.dump(answer, answers)
            answers.flush()
            try:
                function, arguments = pickle.load(calls)
            except EOFError:
                return
            try:
                answer = function(*arguments)
            except Exception:
                answer = RuntimeError(traceback.format_exc())


def _listen() -> None:
    """From here on stderr and stdout go where `_heard` reads, and nobody waits for it."""
    ear, mouth = os.pipe()
    os.set_blocking(ear, False)
    os.set_blocking(mouth, False)
    os.dup2(mouth, 2)
    os.dup2(mouth, 1)
    _ears[:] = [ear]


def _heard() -> str:
    """What was written on stderr since the last time."""
    try:
        return "".join(os.read(ear, _SPOKEN).decode("utf-8", "replace") for ear in _ears)
    except BlockingIOError:
        return ""
