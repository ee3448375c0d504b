"""A prepared data set as a training sees it: a labelling, and its images in a store beside it.

It is opened at no cost by every process: pixels are mapped into memory. `prepare` makes it, `dataset_writer` writes
what this reads.

Notation: N images, M variables, S pixels per side, K_m classes of variable m.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from silktune.data.image_store import FOLDER, HASH, ImageStore, IncompleteError, StoredImages
from silktune.data.label_table import LabelTable
from silktune.data.split import redraw
from silktune.data.text_normalisation import normalised
from silktune.data.variables import SUBSETS, UNKNOWN, Variable
from silktune.errors import DataError, nearest, reason
from silktune.settings import Data
from silktune.settings.identity import digest as identity_digest

VERSION = 2  # of a labelling's files
WHOLE, SAMPLES, CONTENTS, REJECTED = "dataset.json", "samples.parquet", "contents.npy", "rejected.csv"
GROUPS = "groups.npy"  # of a data set that was split by groups: which group each image is in
VIEW = ("variables", "background")  # settings of the data that choose from what is prepared and prepare nothing
AGAIN = "Prepare it again from its label table: silktune data prepare labels.csv"


@dataclass(frozen=True, eq=False)
class Dataset:
    """A prepared data set, or a view of it: fewer variables, another split, or background as an unknown label."""

    folder: Path
    name: str
    digest: str
    split: str  # the digest of the split: which images are in which subset
    variables: tuple[Variable, ...]
    images: StoredImages  # (N, S, S, 3) uint8, memory-mapped: images[rows] reads some of them
    colour: npt.NDArray[np.float32]  # (N, 25)
    labels: npt.NDArray[np.int64]  # (N, M)
    subset: npt.NDArray[np.str_]  # (N,); "": an image without any label, in no subset
    samples: pd.DataFrame  # image, record, subset and the variables, all str
    about: Mapping[str, Any]  # dataset.json, with what is another in this view
    redrawn: dict[int, npt.NDArray[np.str_]] = field(default_factory=dict)  # split_seed → subsets, once drawn

    @classmethod
    def open(cls, folder: Path) -> Dataset:
        """Open a prepared data set.

        Raises:
            DataError: it is none, it is of another version, it is damaged, or its images are not beside it.
        """
        about = _about(folder)
        try:
            store = ImageStore(folder.parent / FOLDER / about["store"], about["settings"]["image_size"])
            if not store.folder.exists():
                raise DataError(f"{folder}: its images are not beside it: there is no {store.folder}. {AGAIN}")
            variables = tuple(_variable(**entry) for entry in about["variables"])
            samples = pd.read_parquet(folder / SAMPLES).astype(object)
            labels = np.stack([variable.encode(samples[variable.name]) for variable in variables], axis=1)
            contents = read_contents(folder)
            if not len(samples) == len(contents) == about["images"]:
                raise ValueError("the sizes of its files differ")
            rows = store.rows(contents)
            images, colour = StoredImages(store.pixels(), rows), store.colour(rows)
        except (OSError, ValueError, KeyError, TypeError, EOFError, IncompleteError) as error:
            why = str(error).rstrip(".")
            raise DataError(f"{folder}: this prepared data set is damaged ({why}). {AGAIN}") from error
        subset = samples["subset"].to_numpy(str)
        name, digest, split = about["name"], about["digest"], about["split"]
        return cls(folder, name, digest, split, variables, images, colour, labels, subset, samples, about)

    def __reduce__(self) -> tuple[Any, ...]:
        """Sent to another process, it is opened there."""
        names = [variable.name for variable in self.variables]
        background = any(variable.background for variable in self.variables)
        return _reopen, (self.folder, names, background, self.split_seed)

    @property
    def split_seed(self) -> int:
        """The data.split_seed that its split was drawn with."""
        return int(self.about["settings"]["split_seed"])

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of its table, of the variables that are seen and of its split."""
        seen = ("", *(variable.name for variable in self.variables))
        return tuple(text for variable, text in self.about["notes"] if variable in seen)

    @property
    def background(self) -> npt.NDArray[np.int64]:
        """(M,) the label id of background, -1 where a variable has none."""
        return np.array([variable.background_id for variable in self.variables], np.int64)

    @property
    def store(self) -> Path:
        """The folder of the image store that its images are in."""
        return self.folder.parent / FOLDER / str(self.about["store"])

    @cached_property
    def contents(self) -> list[bytes]:
        """N hashes of image files: what is derived from an image is found by it.

        Raises:
            DataError: the data set has been damaged since it was opened.
        """
        try:
            return read_contents(self.folder)
        except (OSError, ValueError) as error:
            raise DataError(f"{self.folder}: this prepared data set is damaged ({reason(error)}). {AGAIN}") from error

    @property
    def labelled(self) -> npt.NDArray[np.bool_]:
        """(N,) which images a training may see: those of a subset with a label of any of the variables."""
        known: npt.NDArray[np.bool_] = (self.labels != UNKNOWN).any(axis=1) & (self.subset != "")
        return known

    def rows(self, subset: str) -> npt.NDArray[np.int64]:
        """The rows of a subset that have a label of any of the variables, ascending."""
        return np.flatnonzero((self.subset == subset) & self.labelled).astype(np.int64)

    def select(self, names: Sequence[str]) -> Dataset:
        """A view with only these variables, in this order.

        Raises:
            DataError: a name that is no variable of the data set.
        """
        names = [normalised(name) for name in names]
        known = [variable.name for variable in self.variables]
        complaints = [
            f"data.variables: {self.folder} has no variable {name}.{nearest(name, known)}"
            for name in names if name not in known
        ]  # fmt: skip
        if complaints:
            raise DataError.of(complaints)
        columns = [known.index(name) for name in names]
        variables = tuple(self.variables[column] for column in columns)
        return replace(self, variables=variables, labels=self.labels[:, columns])

    def split_anew(self, seed: int) -> Dataset:
        """A view whose split is drawn with another data.split_seed: from all variables, with the same classes.

        Raises:
            DataError: its table says itself which subset an image is in; or a class cannot be in all three subsets.
        """
        if not self.about.get("drawn"):
            raise DataError(
                f"{self.folder}: its split was not drawn, but is that of the table's column split; there is no other. "
                "Leave the column out. (If there is none, delete this folder: an older silktune has prepared it.)"
            )
        if seed not in self.redrawn:
            names = tuple(str(entry["name"]) for entry in self.about["variables"])
            groups = pd.Series(np.load(self.folder / GROUPS).astype(str)) if (self.folder / GROUPS).exists() else None
            self.redrawn[seed] = redraw(LabelTable(self.folder, names, self.samples, groups=groups), seed)
        subset = self.redrawn[seed]
        rows = zip((content.hex() for content in self.contents), subset, strict=True)
        samples, settings = self.samples.assign(subset=subset), self.about["settings"] | {"split_seed": seed}
        subsets = {name: int((subset == name).sum()) for name in SUBSETS}
        about = {**self.about, "settings": settings, "subsets": subsets}
        return replace(self, subset=subset, samples=samples, split=split_digest(rows), about=about)

    def without_background(self) -> Dataset:
        """A view in which the label `background` is unknown: an image that has no other label is in no training."""
        variables = tuple(replace(variable, background=0) for variable in self.variables)
        return replace(self, variables=variables, labels=np.where(self.labels == self.background, UNKNOWN, self.labels))

    def seen(self, settings: Data) -> Dataset:
        """The view that a training with these settings has: its variables and split, background as a class or unknown.

        The images are the same in every view.

        Raises:
            DataError: a name that is no variable of the data set; a split that cannot be drawn.
        """
        split = self if settings.split_seed == self.split_seed else self.split_anew(settings.split_seed)
        view = split.select(settings.variables) if settings.variables else split
        return view if settings.background == "class" else view.without_background()


def split_digest(rows: Iterable[tuple[str, str]]) -> str:
    """A name for a split, of each image's hash and subset in any order, whatever images and columns are called."""
    return identity_digest(sorted((content, str(subset)) for content, subset in rows if subset))


def read_contents(folder: Path) -> list[bytes]:
    """The hash of each image file of a labelling, N.

    Raises:
        OSError: there is no such file.
        ValueError: it is damaged.
    """
    rows: npt.NDArray[np.uint8] = np.load(folder / CONTENTS)
    return [row.tobytes() for row in rows.reshape(-1, HASH)]


def _about(folder: Path) -> dict[str, Any]:
    if not (folder / WHOLE).is_file():
        raise DataError(
            f"{folder}: this is no prepared data set (there is no dataset.json in it). "
            "Prepare one from a label table: silktune data prepare labels.csv"
        )
    try:
        about: dict[str, Any] = json.loads((folder / WHOLE).read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{folder}: this prepared data set is damaged ({error}). {AGAIN}") from error
    if about.get("version") != VERSION:
        raise DataError(
            f"{folder}: this data set was prepared as version {about.get('version')}; "
            f"this silktune reads version {VERSION}. {AGAIN}"
        )
    return about


def _variable(name: str, classes: list[str], counts: list[int], background: int) -> Variable:
    return Variable(name, tuple(classes), tuple(counts), background)


def _reopen(folder: Path, names: Sequence[str], background: bool, split_seed: int) -> Dataset:
    opened = Dataset.open(folder)
    view = (opened if split_seed == opened.split_seed else opened.split_anew(split_seed)).select(names)
    return view if background else view.without_background()
