"""A prepared data set as a training sees it: arrays on disk, opened at no cost by every process.

Notation: N images, M variables, S pixels per side, K_m classes of variable m.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from silktune.data.labels import UNKNOWN, Variable, table_name
from silktune.data.prepare import VERSION, Progress, prepare
from silktune.errors import DataError, nearest
from silktune.settings import Data

AGAIN = "Delete the folder and prepare it again from its label table: silktune data prepare labels.csv"


@dataclass(frozen=True, eq=False)
class Dataset:
    """A prepared data set, or a view of it with fewer variables."""

    folder: Path
    name: str
    digest: str
    variables: tuple[Variable, ...]
    images: npt.NDArray[np.uint8]  # (N, S, S, 3), memory-mapped, read-only
    colour: npt.NDArray[np.float32]  # (N, 25)
    labels: npt.NDArray[np.int64]  # (N, M)
    subset: npt.NDArray[np.str_]  # (N,)
    samples: pd.DataFrame  # image, record, subset and the variables, all str
    about: Mapping[str, Any]  # dataset.json

    @classmethod
    def open(cls, folder: Path) -> Dataset:
        """Open a prepared data set.

        Raises:
            DataError: it is none, it is of another version, or it is damaged.
        """
        about = _about(folder)
        try:
            variables = tuple(_variable(**entry) for entry in about["variables"])
            images = np.load(folder / "images.npy", mmap_mode="r")
            colour = np.load(folder / "colour.npy")
            samples = pd.read_parquet(folder / "samples.parquet").astype(object)
            labels = np.stack([variable.encode(samples[variable.name]) for variable in variables], axis=1)
            N, S = about["images"], about["settings"]["image_size"]
        except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
            raise DataError(f"{folder}: this prepared data set is damaged ({error}). {AGAIN}") from error
        shapes = (images.shape, colour.shape, len(samples))
        if shapes != ((N, S, S, 3), (N, 25), N):
            raise DataError(f"{folder}: this prepared data set is damaged: the sizes of its files differ. {AGAIN}")
        subset = samples["subset"].to_numpy(str)
        name, digest = about["name"], about["digest"]
        return cls(folder, name, digest, variables, images, colour, labels, subset, samples, about)

    def __reduce__(self) -> tuple[Any, ...]:
        """Sent to another process, it is opened there."""
        return _reopen, (self.folder, [variable.name for variable in self.variables])

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of its labels and its split."""
        return tuple(self.about.get("notes", ()))

    @property
    def background(self) -> npt.NDArray[np.int64]:
        """(M,) the label id of background, -1 where a variable has none."""
        return np.array([variable.background_id for variable in self.variables], np.int64)

    def rows(self, subset: str) -> npt.NDArray[np.int64]:
        """The rows of a subset that have a label of any of the variables, ascending."""
        labelled = (self.labels != UNKNOWN).any(axis=1)
        return np.flatnonzero((self.subset == subset) & labelled).astype(np.int64)

    def select(self, names: Sequence[str]) -> Dataset:
        """A view with only these variables, in this order.

        Raises:
            DataError: a name that is no variable of the data set.
        """
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


def resolve(
    data: Path,
    images: Path | None,
    settings: Data,
    root: Path,
    progress: Progress | None = None,
) -> Dataset:
    """The data set that a command's `--data` names: a prepared one, or a label table that is prepared first.

    Args:
        data: the folder of a prepared data set, a label table, or a folder with labels.csv in it.
        images: the folder of a label table's images; None: the table's own, or `images` in it.
        settings: the variables to see, and how a table is prepared.
        root: where prepared data sets are kept.
        progress: told (images done, images in all) while a table is prepared.

    Raises:
        DataError: it is neither, or it was prepared with other settings.
    """
    if not data.is_dir():
        whole = Dataset.open(prepare(data, images, settings, root, progress=progress))
        return replace(whole, name=table_name(data))  # another table with the same content may have been prepared first
    if not (data / "dataset.json").exists() and (data / "labels.csv").exists():
        return resolve(data / "labels.csv", images, settings, root, progress)
    dataset = Dataset.open(data)
    then, now = dataset.about["settings"], settings.model_dump()
    shaping = [name for name in now if name != "variables" and then.get(name) != now[name]]
    if shaping:
        raise DataError.of(
            f"{data}: it was prepared with data.{name}={then.get(name)}, not {now[name]}. "
            f"Give its label table instead of the folder, or set data.{name}={then.get(name)}"
            for name in shaping
        )
    return dataset.select(settings.variables) if settings.variables else dataset


def _about(folder: Path) -> dict[str, Any]:
    if not (folder / "dataset.json").is_file():
        raise DataError(
            f"{folder}: this is no prepared data set (there is no dataset.json in it). "
            "Prepare one from a label table: silktune data prepare labels.csv"
        )
    try:
        about: dict[str, Any] = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
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


def _reopen(folder: Path, names: Sequence[str]) -> Dataset:
    return Dataset.open(folder).select(names)
