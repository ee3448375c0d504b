"""A prepared data set in a storage that many machines read, and copied from there once onto each of them."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from silktune.data import folder_lock
from silktune.data.dataset import Dataset
from silktune.errors import DataError, ResourceError, reason
from silktune.storage import Storage

WHOLE = "dataset.json"  # the file that is written last
LOCK = "lock"


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
    place = storage / "data" / data.digest
    try:
        if place.read(WHOLE) is None:
            files = sorted(file for file in data.folder.iterdir() if file.name != LOCK)
            for file in sorted(files, key=lambda file: file.name == WHOLE):
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
    name = Path(str(place)).name
    whole = root / name
    if whole.exists():
        return whole
    try:
        with folder_lock.alone(root, name) as part:
            if whole.exists():
                shutil.rmtree(part, ignore_errors=True)
            else:
                _copy(place, part)
                part.rename(whole)
                (whole / LOCK).unlink()
    except OSError as error:
        raise ResourceError(f"{place}: the data set cannot be copied to {root} ({reason(error)}).") from error
    return whole


def _copy(place: Storage, folder: Path) -> None:
    names = place.files()
    if WHOLE not in names:
        raise DataError(
            f"{place}: this is no prepared data set. Put one there: silktune data prepare labels.csv --storage …"
        )
    for name in sorted(names, key=lambda name: name == WHOLE):
        place.fetch(name, folder / name)
