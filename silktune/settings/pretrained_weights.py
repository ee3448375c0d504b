"""What `net.weights` stands for: a name of torchvision's, `none`, or a file, whose content then counts."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from silktune.errors import SettingsError

RANDOM = "none"


def file_of(weights: str) -> Path | None:
    """The file that it names; None for a name of torchvision's, and for `none`."""
    return Path(weights) if "/" in weights or Path(weights).suffix else None


def digest(weights: str) -> str:
    """The content of the file, as 32 hexadecimal digits, or else the name itself.

    Raises:
        SettingsError: there is no such file, or it cannot be read.
    """
    file = file_of(weights)
    if file is None:
        return weights
    try:
        state = file.stat()
        return _digest(file, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    except FileNotFoundError:
        raise SettingsError(
            f"net.weights: there is no file {weights}. Give a file, a torchvision name, or none; a study that was "
            "begun with it goes on when it is back."
        ) from None
    except OSError as error:
        raise SettingsError(
            f"net.weights: {weights} cannot be read ({error.strerror}). Give the file of a state dict."
        ) from error


@lru_cache(maxsize=64)
def _digest(file: Path, *state: int) -> str:
    """Of a file's content, read again when its `state` is another."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
