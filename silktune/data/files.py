"""The image files that a label table names: where they are, which are missing, what is in them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

from silktune.data.labels import LabelTable
from silktune.errors import DataError

MISSING = "there is no such file"


def image_folder(table: LabelTable, images: Path | None) -> Path:
    """Where the images of a table are: the folder that was named, the table's own, or `images` in it.

    Raises:
        DataError: there is no such folder, or none of the images is in it.
    """
    places = [images] if images else [table.source.parent, table.source.parent / "images"]
    names = table.cells["image"].tolist()
    found = [sum(os.path.isfile(place / name) for name in names) for place in places]  # False for impossible names
    if any(found):
        return places[found.index(max(found))]
    where = " or in ".join(str(place) for place in places)
    raise DataError(
        f"{table.source}: none of its {len(names):,} images ({names[0]}, …) is in {where}. "
        "Name the folder that they are in with --images."
    )


def fingerprints(paths: Sequence[Path], pool: Executor) -> list[str]:
    """A hash of the bytes of each file; '' for a file that is not there."""
    return list(pool.map(_fingerprint, paths))


def _fingerprint(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError:
        return ""


def complaint(folder: Path, reasons: dict[str, str], among: int) -> DataError:
    """What to say when some images cannot be had; `reasons` says why, for each."""
    first = [f"  {name}: {reason}" for name, reason in list(reasons.items())[:5]]
    more = [f"  and {len(reasons) - 5:,} more"] if len(reasons) > 5 else []
    return DataError.of(
        [
            f"{folder}: {len(reasons):,} of {among:,} images cannot be read:", *first, *more,
            "Put whole files in their place, name another folder with --images, delete their rows, "
            "or leave them out: silktune data prepare … --skip-unreadable",
        ]
    )  # fmt: skip
