"""The tidy label table: one row per image, one column per variable, every cell in one of three states.

A cell holds a class, `background` (known, but of no class of interest) or nothing (unknown). In memory a
label is a number: classes are 0 … K_m − 1 in alphabetical order, background is K_m, unknown is UNKNOWN.

Notation: N images, M variables, K_m classes of variable m.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from silktune.data.statistics import ClassStatistics, class_statistics
from silktune.errors import DataError, nearest

UNKNOWN = -1
BACKGROUND = "background"
SUBSETS = ("train", "validation", "test")
_KEYS = ("image", "record", "split")
_SPELLINGS = {name: name for name in SUBSETS} | {"val": "validation", "dev": "validation", "": ""}


@dataclass(frozen=True)
class Variable:
    """A semantic variable: its classes in alphabetical order and their images in the whole data set."""

    name: str
    classes: tuple[str, ...]
    counts: tuple[int, ...]  # images per class
    background: int  # images whose label is background

    @classmethod
    def of(cls, name: str, cells: pd.Series[str]) -> Variable:
        """The variable that the cells of one column speak of."""
        found = Counter(cells)
        classes = tuple(sorted(found.keys() - {"", BACKGROUND}))
        return cls(name, classes, tuple(found[c] for c in classes), found[BACKGROUND])

    @property
    def K(self) -> int:
        return len(self.classes)

    @property
    def outputs(self) -> int:
        """Classes that a network tells apart: with background, where there is any."""
        return len(self.names)

    @property
    def background_id(self) -> int:
        """K_m, or -1 where no image is background."""
        return self.K if self.background else -1

    @property
    def names(self) -> tuple[str, ...]:
        """The name of every label id."""
        return (*self.classes, BACKGROUND) if self.background else self.classes

    @property
    def statistics(self) -> ClassStatistics:
        return class_statistics(self.counts)

    def encode(self, cells: pd.Series[str]) -> npt.NDArray[np.int64]:
        """The cells of a column as label ids, (N,); what is no class of this variable is unknown."""
        ids = {name: number for number, name in enumerate(self.names)}
        return cells.map(lambda cell: ids.get(cell, UNKNOWN)).to_numpy(np.int64)


@dataclass(frozen=True, eq=False)
class LabelTable:
    """A label table that was found to be sound, its rows sorted by image."""

    source: Path
    variables: tuple[str, ...]
    cells: pd.DataFrame  # image, record, split and the variables, all str; "" is unknown

    def keep(self, images: npt.NDArray[np.bool_]) -> LabelTable:
        """The same table with only some of its rows."""
        return LabelTable(self.source, self.variables, self.cells[images].reset_index(drop=True))


def read(path: Path, variables: Sequence[str] = ()) -> LabelTable:
    """Read a label table from CSV or Parquet.

    Args:
        path: columns `image`, optionally `record` (else every image is its own) and `split` (train,
            validation or test), and one column per variable.
        variables: the columns to take as variables; none named: all others.

    Raises:
        DataError: the file cannot be read or its content cannot be used; all complaints at once.
    """
    raw = read_cells(path)
    complaints = list(_about_columns(path, raw, variables))
    if complaints:
        raise DataError.of(complaints)
    names = tuple(variables) or tuple(name for name in raw.columns if name and name not in _KEYS)
    cells = pd.DataFrame({"image": raw["image"]}, dtype=object)
    record = raw["record"] if "record" in raw else raw["image"]
    cells["record"] = record.where(record != "", raw["image"])
    cells["split"] = raw["split"].str.lower() if "split" in raw else ""
    cells[list(names)] = raw[list(names)]
    complaints = [*_about_images(path, cells), *_about_split(path, cells)]
    complaints += _about_classes(path, cells, names)
    if complaints:
        raise DataError.of(complaints)
    cells["split"] = cells["split"].map(_SPELLINGS)
    return LabelTable(path, names, cells.sort_values("image").reset_index(drop=True))


def read_cells(path: Path) -> pd.DataFrame:
    """A CSV or Parquet file as stripped strings; the index is the line a row stands on."""
    if not path.is_file():
        there = sorted(p.name for p in path.parent.glob("*") if p.suffix in (".csv", ".parquet"))
        hint = f" In {path.parent} there is: {', '.join(there)}." if there else ""
        raise DataError(f"{path}: there is no such file; a label table is a CSV or Parquet file.{hint}")
    try:
        raw = _parquet(path) if path.suffix == ".parquet" else _csv(path)
    except (ValueError, OSError) as error:  # pandas' and pyarrow's own errors are both
        reason = " ".join(str(error).split())
        raise DataError(
            f"{path}: this is no table that can be read ({reason}); save it as UTF-8 CSV."
        ) from error
    raw = pd.DataFrame(raw.apply(lambda column: column.str.strip()))
    return raw.loc[(raw != "").any(axis=1)]


def _csv(path: Path) -> pd.DataFrame:
    """Headings are read as a row like others, so that pandas does not rename those that stand twice."""
    with path.open(encoding="utf-8-sig") as file:
        heading = file.readline()
    separator = max(",;\t", key=heading.count)
    raw = pd.read_csv(
        path, sep=separator, header=None, dtype=object, keep_default_na=False, na_values=[],
        encoding="utf-8-sig", skip_blank_lines=False,
    ).fillna("")  # fmt: skip
    raw.index = pd.RangeIndex(1, len(raw) + 1)
    raw.columns = pd.Index([str(name).strip() for name in raw.iloc[0]])
    return raw.iloc[1:]


def _parquet(path: Path) -> pd.DataFrame:
    raw = pd.read_parquet(path).astype(object)
    raw.index = pd.RangeIndex(1, len(raw) + 1)
    return raw.map(_cell)


def _cell(value: object) -> str:
    """A cell of Parquet as text; a whole number that a gap in its column made a float is whole again."""
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _about_columns(path: Path, raw: pd.DataFrame, variables: Sequence[str]) -> Iterator[str]:
    found = [name for name in raw.columns if name]
    for name, times in Counter(found).items():
        if times > 1:
            yield f"{path}: the column {name} is there {times} times; a column's name must be its own."
    if "image" not in found:
        yield f"{path}: there is no column image, the file name of each row's image.{nearest('image', found)}"
    if "subset" in found and (not variables or "subset" in variables):
        yield f"{path}: no column may be called subset; call it split (train, validation, test)."
    possible = [name for name in found if name not in (*_KEYS, "subset")]
    if not possible:
        yield f"{path}: there is no variable; every column but {', '.join(_KEYS)} is one. Add one."
    for name in variables:
        if name not in possible and possible:
            yield f"data.variables: {path} has no variable {name}.{nearest(name, possible)}"
    if not len(raw):
        yield f"{path}: there is no row below the headings; a label table has one row per image."


def _about_images(path: Path, cells: pd.DataFrame) -> Iterator[str]:
    empty = cells.index[cells["image"] == ""].tolist()
    if empty:
        yield f"{path}: the cell image is empty in {_lines(empty)}; write a file name or delete the row."
    twice = cells[cells["image"].duplicated(keep=False) & (cells["image"] != "")]
    for image, rows in list(twice.groupby("image"))[:5]:
        lines = _lines(rows.index.tolist())
        yield f"{path}: the image {image} is in {lines}; an image has one row. Delete the others."
    more = twice["image"].nunique() - 5
    if more > 0:
        yield f"{path}: {more} more images are in several rows."


def _about_split(path: Path, cells: pd.DataFrame) -> Iterator[str]:
    unknown = sorted(set(cells["split"]) - _SPELLINGS.keys())
    if unknown:
        yield f"{path}: the column split holds {', '.join(unknown)}; it may hold {', '.join(SUBSETS)}."
        return
    subsets = cells["split"].map(_SPELLINGS)
    if not subsets.any():
        return
    empty = cells.index[subsets == ""].tolist()
    if empty:
        yield f"{path}: the cell split is empty in {_lines(empty)}; fill the whole column or leave it out."
    missing = [name for name in SUBSETS if name not in set(subsets)]
    if missing:
        yield f"{path}: the column split names no image of {', '.join(missing)}; all three are needed."
    torn = subsets.groupby(cells["record"]).nunique()
    names = torn.index[torn > 1].tolist()
    if names:
        yield (
            f"{path}: the column split puts images of one record into several subsets ({some(names)}); "
            "keep a record together, or leave the column out and a split is drawn."
        )


def _about_classes(path: Path, cells: pd.DataFrame, names: Sequence[str]) -> Iterator[str]:
    variables = [Variable.of(name, cells[name]) for name in names]
    usable = [variable.name for variable in variables if variable.K >= 2]
    for variable in variables:
        if variable.K < 2:
            what = f"only the class {variable.classes[0]}" if variable.K else "no class"
            yield f"{path}: the variable {variable.name} has {what}; two are needed. {without(usable)}"


def without(usable: Sequence[str]) -> str:
    """What to do about a variable that cannot be used."""
    if not usable:
        return "Label more images."
    return f"Label more images, or leave it out with data.variables={','.join(usable)}"


def _lines(numbers: Sequence[int]) -> str:
    return f"line{'s' * (len(numbers) > 1)} {some(numbers)}"


def some(things: Sequence[object], most: int = 5) -> str:
    """The first few of many."""
    more = f" and {len(things) - most} more" if len(things) > most else ""
    return ", ".join(map(str, things[:most])) + more
