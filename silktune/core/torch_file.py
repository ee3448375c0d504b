"""A file of torch.save or of safetensors, read without running what may be in it; what is wrong, in our words."""

from __future__ import annotations

import warnings
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

MAGIC = (b"PK\x03\x04", b"\x80")  # of an archive, which torch.save writes now, and of a pickle, as before 2020


class Unreadable(Exception):
    """Why a file cannot be read, to be set in a sentence."""


def read(content: bytes) -> Any:
    """What torch.save wrote, or safetensors did, on the CPU.

    Raises:
        Unreadable: it is something else, or broken off, or holds more than tensors, numbers, texts and lists of these.
    """
    try:
        if content[8:9] == b"{" and not content.startswith(MAGIC):
            return safetensors.torch.load(content)
        with warnings.catch_warnings(action="ignore"):  # of pickles that are refused
            return torch.load(BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever its unpickler meets
        raise Unreadable(_why(content)) from error


def read_file(path: Path) -> Any:
    """`read` of a file.

    Raises:
        Unreadable: as `read`, or the file may not be read.
    """
    try:
        return read(path.read_bytes())
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from error


def _why(content: bytes) -> str:
    """The first thing that is wrong with it, from its first bytes and the names in its archive."""
    zipped = content.startswith(MAGIC[0])
    whole = zipped and zipfile.is_zipfile(BytesIO(content))
    names = zipfile.ZipFile(BytesIO(content)).namelist() if whole else []
    wrong = {
        "it is empty": not content,
        "it is a file of safetensors that broke off, or is damaged: copy it again": content[8:9] == b"{"
        and not content.startswith(MAGIC),
        "it is no file of torch.save": not content.startswith(MAGIC),
        "it broke off, or is damaged: copy it again": zipped and not whole,
        "it is a program of torch.jit, not a state dict": any(name.endswith("/constants.pkl") for name in names),
        "it is an archive, but none of torch.save": whole and not any(name.endswith("data.pkl") for name in names),
    }
    other = "it is damaged, or holds more than tensors, such as a whole module, whose code could be anything"
    return next((sentence for sentence, holds in wrong.items() if holds), other)
