"""The activations that studies keep beside prepared images: what there is, and how it is removed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from silktune.api import defaults
from silktune.errors import ResourceError, SettingsError, nearest, reason

ALL = "all"


@dataclass(frozen=True)
class Cached:
    """The activations of one trunk at one cut."""

    name: str
    folder: Path
    trunk: str
    cut: str  # where it is cut
    weights: str
    view: int | None  # of an image's augmented views; None: the image itself
    data: str  # the data set that they were computed for first
    store: str  # of images: their size, their crop
    images: int
    bytes: int
    written: datetime


def cached(root: str | Path = defaults.ROOT) -> list[Cached]:
    """What is kept below a folder of studies, the largest first.

    Args:
        root: where studies and prepared data are kept.
    """
    from silktune.core.activations import ABOUT, FOLDER
    from silktune.data.image_store import FOLDER as IMAGES

    found = [_read(about.parent) for about in Path(root, "data", IMAGES).glob(f"*/{FOLDER}/*/{ABOUT}")]
    return sorted((entry for entry in found if entry), key=lambda entry: (-entry.bytes, entry.name))


def remove(names: Iterable[str], root: str | Path = defaults.ROOT) -> list[Cached]:
    """Delete activations; a study that needs them computes them again.

    Args:
        names: theirs, or `all`.
        root: where studies and prepared data are kept.

    Returns:
        Those that were there.

    Raises:
        SettingsError: there are none of a name.
        ResourceError: they cannot be deleted.
    """
    there, wanted = {entry.name: entry for entry in cached(root)}, list(names)
    if unknown := [name for name in wanted if name != ALL and name not in there]:
        raise SettingsError.of(f"There are no activations {name}.{nearest(name, list(there))}" for name in unknown)
    removed = [entry for name, entry in there.items() if ALL in wanted or name in wanted]
    for entry in removed:
        try:
            shutil.rmtree(entry.folder)
        except OSError as error:
            raise ResourceError(f"{entry.folder}: this cannot be deleted ({reason(error)}).") from error
    return removed


def _read(folder: Path) -> Cached | None:
    """None for what is being removed, or was written by another version."""
    from silktune.core.activations import ABOUT, CHECK, CHECKS
    from silktune.core.activations.key import Key

    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        key = Key.model_validate({name: about[name] for name in Key.model_fields})
        sizes = {file.name: file.stat().st_size for file in folder.iterdir()}
        written = datetime.fromtimestamp((folder / ABOUT).stat().st_mtime)
    except (OSError, ValueError, KeyError, ValidationError):
        return None
    return Cached(
        name=folder.name, folder=folder, trunk=key.trunk, cut=key.cut, weights=key.weights, view=key.view,
        data=str(about["data"]), store=folder.parents[1].name, images=sizes.get(CHECKS, 0) // CHECK,
        bytes=sum(sizes.values()), written=written,
    )  # fmt: skip
