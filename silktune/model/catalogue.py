"""What a model is asked about: the images of a label table or of a folder, and what is known of them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from silktune.data import image_files, label_checks, text_normalisation
from silktune.data.label_table import LabelTable, read_cells
from silktune.errors import DataError, nearest

IMAGES = (
    ".avif", ".bmp", ".dib", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".jpx", ".mpo", ".pbm", ".pgm", ".png",
    ".ppm", ".tif", ".tiff", ".webp",
)  # fmt: skip  # ends of names of files that may be images; whether they are is seen when they are decoded


@dataclass(frozen=True, eq=False)
class Catalogue:
    """N images with what is known of them."""

    source: Path
    folder: Path  # in which the images lie
    cells: pd.DataFrame  # image, record and whatever columns the table has, all str; "" is unknown

    @property
    def is_table(self) -> bool:
        return self.source != self.folder

    def known(self, variable: str) -> pd.Series[str]:
        """(N,) the label of each image; "": a gap."""
        if variable in self.cells:
            return self.cells[variable]
        return pd.Series("", index=self.cells.index, dtype=object)


def read(source: Path, images: Path | None) -> Catalogue:
    """The catalogue in a label table, with or without columns of labels, or in a folder of images.

    Args:
        source: the table or the folder.
        images: the folder of the table's images; None: its own.

    Raises:
        DataError: there is none, or no image.
    """
    return _of_folder(source) if source.is_dir() else _of_table(source, images)


def _of_folder(folder: Path) -> Catalogue:
    """Every file in it and below that is named as an image is; each is its own record."""
    names = sorted(
        os.path.relpath(os.path.join(at, name), folder)
        for at, _, files in os.walk(folder, followlinks=True) for name in files
        if os.path.splitext(name)[1].lower() in IMAGES and not name.startswith(".")
    )  # fmt: skip
    if not names:
        raise DataError(
            f"{folder}: there is no image in this folder or below. Images are files whose names end in "
            f"{', '.join(IMAGES)}; or give a label table."
        )
    return Catalogue(folder, folder, pd.DataFrame({"image": names, "record": names}, dtype=object))


def _of_table(path: Path, images: Path | None) -> Catalogue:
    raw = read_cells(path)
    if complaints := list(_about(path, raw)):
        raise DataError.of(complaints)
    record = raw["record"].where(raw["record"] != "", raw["image"]) if "record" in raw else raw["image"]
    cells = raw.assign(record=record)
    folder = image_files.image_folder(LabelTable(path, (), cells), images)
    return Catalogue(path, folder, cells)


def _about(path: Path, raw: pd.DataFrame) -> list[str]:
    """What is wrong with a table as a list of images; of its labels nothing has to hold."""
    found = [name for name in raw.columns if name]
    complaints = [*label_checks.about_headings(path, found), *label_checks.about_keys(path, found, label_checks.KEYS)]
    complaints += [f"{path}: the column {name} is there twice." for name in {n for n in found if found.count(n) > 1}]
    if "image" not in map(text_normalisation.letters, found):
        complaints.append(f"{path}: there is no column image, the file name of each image.{nearest('image', found)}")
    if complaints:
        return complaints
    if not len(raw):
        return [f"{path}: there is no row below the headings."]
    keys = [name for name in ("image", "record") if name in raw]
    complaints = list(label_checks.about_cells(path, raw, keys))
    return complaints or list(label_checks.about_images(path, raw.assign(record=raw.get("record", raw["image"]))))


def without(catalogue: Catalogue, variables: Sequence[str]) -> Mapping[str, int]:
    """Variable → the number of its gaps."""
    return {name: int((catalogue.known(name) == "").sum()) for name in variables}
