"""The image files that a label table names: where they are, which are missing, what is in them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path, PurePath

from silktune.data import decoder_worker
from silktune.data.decoder_pool import Decoders, DiedError
from silktune.data.image_store import HASH
from silktune.data.label_table import LabelTable
from silktune.data.text_normalisation import alike
from silktune.errors import DataError

LARGE = "it is too large"


def image_folder(table: LabelTable, images: Path | None) -> Path:
    """Where the images of a table are: the folder that was named, the table's own, or `images` in it.

    Raises:
        DataError: there is no such folder, none of the images is in it, or some lie outside of it.
    """
    places = [images] if images else [table.source.parent, table.source.parent / "images"]
    if images and not images.is_dir():
        raise DataError(f"{images}: there is no such folder; name the one that the images are in with --images.")
    names = table.cells["image"].tolist()
    found = [sum(os.path.isfile(place / name) for name in names) for place in places]
    folder = places[found.index(max(found))]
    if complaints := list(_about_places(table, folder, places)):
        raise DataError.of(complaints)
    if any(found):
        return folder
    where = " or in ".join(str(place) for place in places)
    spelled = next(filter(None, (Spellings(place).of(names[0]) for place in places)), "")
    hint = f" Did you mean {spelled}?" if spelled else ""
    raise DataError(
        f"{table.source}: none of its {len(names):,} images ({names[0]}, …) is in {where}.{hint} "
        "Name the folder that they are in with --images."
    )


def _about_places(table: LabelTable, folder: Path, places: Sequence[Path]) -> Iterator[str]:
    """The rows whose file is below none of the places, once all links are followed; `folder` is the one in use."""
    root = os.path.realpath(folder)
    within = tuple(os.path.join(os.path.realpath(place), "") for place in places)
    images = table.cells["image"]
    real = [os.path.realpath(os.path.join(root, name)) for name in images]
    rows = zip(images.index, images, real, strict=True)
    outside = [row for row in rows if not row[2].startswith(within)]
    for line, name, path in outside[:5]:
        link = "" if path == os.path.normpath(os.path.join(root, name)) else f", a link to {path},"
        yield (
            f"{table.source}: {images.index.name} {line}: the image {name}{link} is not in the image folder {folder}. "
            "Name a folder that holds all images with --images, or delete the row."
        )
    if len(outside) > 5:
        yield f"{table.source}: {len(outside) - 5:,} more images are not in the image folder."


def fingerprints(paths: Sequence[Path], pool: Executor) -> list[bytes]:
    """A hash of the bytes of each file; b'' for a file that cannot be read."""
    return list(pool.map(_fingerprint, paths))


def _fingerprint(path: Path) -> bytes:
    if not os.path.isfile(path):  # a pipe would be waited for
        return b""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=HASH)).digest()
    except OSError:
        return b""


def unread(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Why each of these images cannot be read."""
    spellings = Spellings(folder)
    return {name: _why(folder / name) or spellings.hint(name) for name in names}


def _why(path: Path) -> str:
    """Why a file that is there cannot be read; '' where there is none."""
    if os.path.isdir(path):
        return "it is a folder, not an image"
    if os.path.exists(path) and not os.path.isfile(path):
        return "it is no file"
    try:
        path.open("rb").close()
    except FileNotFoundError:
        return ""
    except OSError as error:
        return error.strerror or str(error)
    return "it could not be read a moment ago"


class Spellings:
    """The files below a folder, found whatever the case or the composition of the letters in their names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.listings: dict[Path, dict[str, str]] = {}  # folder → key of a name → the name as it is spelled

    def hint(self, name: str) -> str:
        spelled = self.of(name)
        return f"there is no such file; did you mean {spelled}?" if spelled else "there is no such file"

    def of(self, name: str) -> str:
        """The path below the folder that differs from `name` only in how it is spelled, or ''."""
        place = self.folder
        for part in PurePath(name).parts:
            step = part if os.path.exists(place / part) else self._listing(place).get(alike(part), "")
            if not step:
                return ""
            place /= step
        return str(place.relative_to(self.folder)) if place.is_relative_to(self.folder) else ""

    def _listing(self, place: Path) -> dict[str, str]:
        if place not in self.listings:
            try:
                self.listings[place] = {alike(name): name for name in sorted(os.listdir(place))}
            except OSError:
                self.listings[place] = {}
        return self.listings[place]


def too_large(images: Mapping[str, Path], megapixels: float, decoders: Decoders, pool: Executor) -> dict[str, str]:
    """The images with more pixels than that, by their headers, and what to say of each."""
    return larger(sizes(images, decoders, pool), megapixels)


def sizes(images: Mapping[str, Path], decoders: Decoders, pool: Executor) -> dict[str, tuple[int, int]]:
    """Width and height by the headers of the images, of those that have one that can be read."""
    found = zip(images, pool.map(lambda path: _size(path, decoders), images.values()), strict=True)
    return {name: size for name, size in found if size}


def larger(sizes: Mapping[str, tuple[int, int]], megapixels: float) -> dict[str, str]:
    """The images with more pixels than that, and what to say of each."""
    return {name: _large(*size) for name, size in sizes.items() if size[0] * size[1] > megapixels * 1e6}


def _size(path: Path, decoders: Decoders) -> tuple[int, int] | None:
    try:
        return decoders.call(decoder_worker.size, path)
    except DiedError:
        return None  # it will be said when the image is decoded


def _large(width: int, height: int) -> str:
    return f"{LARGE}: {width:,} × {height:,} pixels are {width * height / 1e6:,.1f} megapixels"


def complaint(folder: Path, reasons: Mapping[str, str], among: int) -> DataError:
    """What to say when some images cannot be had; `reasons` says why, for each."""
    first = [f"  {name}: {reason}" for name, reason in list(reasons.items())[:5]]
    more = [f"  and {len(reasons) - 5:,} more"] if len(reasons) > 5 else []
    larger = ["To read larger images: silktune data prepare … --max-megapixels MP, which takes memory."]
    return DataError.of(
        [
            f"{folder}: {len(reasons):,} of {among:,} images cannot be read:", *first, *more,
            *(larger if any(reason.startswith(LARGE) for reason in reasons.values()) else []),
            "Put whole files in their place, name another folder with --images, delete their rows, "
            "or leave them out: silktune data prepare … --skip-unreadable",
        ]
    )  # fmt: skip
