"""Single images in whatever form a program has them, and what a model says of them.

N images, S pixels per side
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from silktune.data.colour import SIDE
from silktune.data.image_decoding import Image, crop, decode, read, resize
from silktune.errors import DataError
from silktune.model.ensemble import Answers, Ensemble
from silktune.model.folder import Preparation

AT_ONCE = 64  # images that the network sees together


def pixels(image: object, about: Preparation) -> Image:
    """(S, S, 3) of a path, the bytes of an image file, a base64 text of these, or an array.

    Arrays are (H, W, 3), RGB: uint8, or floats in [0, 1].

    Raises:
        DataError: it is none of these, or cannot be read.
    """
    least = max(about.image_size, SIDE)
    if isinstance(image, np.ndarray | list):
        whole = _of_array(np.asarray(image))
    elif isinstance(image, bytes | bytearray | memoryview):
        whole = decode(bytes(image), "an image given as bytes", least)
    elif isinstance(image, Path) or (isinstance(image, str) and _is_path(image)):
        whole = read(Path(image), least)
    elif isinstance(image, str):
        whole = decode(_of_base64(image), "an image given as text", least)
    else:
        raise DataError(f"An image is a path, bytes, a base64 text or an array, not {type(image).__name__}.")
    return resize(crop(whole, about.crop), about.image_size)


def _is_path(text: str) -> bool:
    """Whether a text names a file; base64 has no dots, which names have."""
    return "." in text[:4096] or os.path.isfile(text)


def _of_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text.partition(",")[2] if text.startswith("data:") else text, validate=True)
    except binascii.Error as error:
        raise DataError(f"{text[:40]!r} is neither the name of a file nor an image in base64 ({error}).") from error


def _of_array(array: NDArray[np.generic]) -> Image:
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise DataError(f"An image as an array has the shape (H, W, 3), not {array.shape}.")
    if array.dtype == np.uint8:
        return array.astype(np.uint8)
    low, high = float(array.min()), float(array.max())
    whole = np.issubdtype(array.dtype, np.integer)  # as JSON has them
    if not 0 <= low <= high <= (255 if whole else 1):
        raise DataError(
            f"An image as an array has uint8 numbers or shares in [0, 1]; this one has {low:g} to {high:g}."
        )
    return np.rint(array.astype(np.float64) * (1 if whole else 255)).astype(np.uint8)


def answers(model: Ensemble, images: Sequence[object]) -> pd.DataFrame:
    """A row for each image, four columns for each variable, and `unlike`.

    Raises:
        DataError: an image cannot be read.
    """
    about = model.about.preparation
    batches = (images[i : i + AT_ONCE] for i in range(0, len(images), AT_ONCE))
    frames = [
        pd.DataFrame(dict(_columns(model, model(np.stack([pixels(image, about) for image in batch])))))
        for batch in batches
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=[*_names(model)])


def _names(model: Ensemble) -> Iterator[str]:
    for name in model.names:
        yield from (name, f"{name}.probability", f"{name}.runner_up", f"{name}.runner_up_probability")
    yield "unlike"


def _columns(model: Ensemble, found: Answers) -> Iterator[tuple[str, NDArray[np.generic]]]:
    for (name, classes), p in zip(model.names.items(), found.probabilities, strict=True):
        order = np.argsort(-p, axis=1, kind="stable")
        for place, rank in ((name, 0), (f"{name}.runner_up", 1)):
            there = rank < p.shape[1]  # a variable may have one class
            which = order[:, rank] if there else order[:, 0]
            probability = np.take_along_axis(p, which[:, None], 1)[:, 0]
            yield place, np.array(classes, object)[which] if there else np.full(len(p), "", object)
            yield f"{place}{'_' if rank else '.'}probability", probability if there else np.zeros(len(p), np.float32)
    yield "unlike", found.unlike
