"""A prepared data set in a storage that many machines read, and copied from there once onto each of them.

In the storage it lies as on a disk: `data/<hash>` is a labelling, its images are in `data/images/<store>`
(`image_store_pieces`). What a machine has of them it does not fetch again, for whatever table.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from silktune.data import image_store_pieces
from silktune.data.dataset import WHOLE, Dataset, read_contents
from silktune.data.image_store import FOLDER, ImageStore
from silktune.data.image_store_writer import writing
from silktune.errors import DataError, ResourceError, reason
from silktune.storage import Storage


@dataclass(frozen=True)
class Whereabouts:
    """Where a prepared data set is found by a process on any machine."""

    folder: str  # where the driver has it; other machines may see this folder too
    copy: str = ""  # a place from which each machine that does not see it copies it once

    @classmethod
    def of(cls, data: Dataset, storage: Storage | None) -> Whereabouts:
        """Of a data set that this machine has; other machines copy it from the storage, into which it is put.

        Raises:
            ResourceError: the storage cannot be written.
        """
        return cls(str(data.folder.absolute()), keep(data, storage).where if storage else "")

    def open(self) -> Dataset:
        """The data set, from this machine's disk or a folder that it mounts.

        Raises:
            DataError: it is not where it should be.
            ResourceError: it cannot be copied.
        """
        if self.copy and not Path(self.folder, WHOLE).exists():
            return Dataset.open(fetch(Storage(self.copy), cache()))
        return Dataset.open(Path(self.folder))


def cache() -> Path:
    """Where this machine keeps its copies."""
    return Path(os.environ.get("SILKTUNE_CACHE") or Path.home() / ".cache" / "silktune") / "data"


def keep(data: Dataset, storage: Storage) -> Storage:
    """Put a data set into the storage's `data/`, unless it is there.

    Raises:
        ResourceError: the storage cannot be read or written.
    """
    root = storage / "data"
    place = root / data.digest
    try:
        if place.read(WHOLE) is None:
            image_store_pieces.put(data, root / FOLDER / data.about["store"])
            files = [file for file in data.folder.iterdir() if file.is_file()]
            for file in sorted(files, key=lambda file: (file.name == WHOLE, file.name)):
                place.store(file, file.name)
    except OSError as error:
        raise ResourceError(f"{place}: the data set cannot be put there ({reason(error)}).") from error
    return place


def fetch(place: Storage, root: Path) -> Path:
    """Copy a data set into `root`, unless it is there; of several processes one copies it and the others wait.

    Raises:
        DataError: there is none in this place.
        ResourceError: it cannot be copied.
    """
    whole = root / Path(str(place)).name
    try:
        if not (whole / WHOLE).exists() or _store(whole).lacks(read_contents(whole)):
            _copy(place, whole)
    except OSError as error:
        raise ResourceError(f"{place}: the data set cannot be copied to {root} ({reason(error)}).") from error
    return whole


def _copy(place: Storage, whole: Path) -> None:
    about = place.read(WHOLE)
    if about is None:
        raise DataError(
            f"{place}: this is no prepared data set. Put one there: silktune data prepare labels.csv --storage …"
        )
    part = whole.with_name(f".{whole.name}.part")
    store = _store(whole, json.loads(about))
    with writing(store) as writer:  # others wait for the labelling too
        if not (whole / WHOLE).exists():
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            for name in place.files():
                place.fetch(name, part / name)
            part.rename(whole)
        image_store_pieces.get(read_contents(whole), writer, place.parent / FOLDER / store.folder.name)


def _store(whole: Path, about: dict[str, Any] | None = None) -> ImageStore:
    """Where the images of a labelling are, beside it."""
    about = about or json.loads((whole / WHOLE).read_text(encoding="utf-8"))
    return ImageStore(whole.parent / FOLDER / about["store"], about["settings"]["image_size"])
