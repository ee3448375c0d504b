"""The tidy label table: one row per image, one column per variable, an empty cell is an unknown label."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from silktune.data import checks
from silktune.data.variables import BACKGROUND, SUBSETS, UNKNOWN, Variable
from silktune.errors import DataError

__all__ = ["BACKGROUND", "SUBSETS", "UNKNOWN", "LabelTable", "Variable", "read", "read_cells"]


@dataclass(frozen=True, eq=False)
class LabelTable:
    """A label table that was found to be sound, its rows sorted by image."""

    source: Path
    variables: tuple[str, ...]
    cells: pd.DataFrame  # image, record, split and the variables, all str; "" is unknown

    @property
    def name(self) -> str:
        """The table's own name, or its folder's where it is just called labels."""
        return self.source.resolve().parent.name if self.source.stem == "labels" else self.source.stem

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
    complaints = list(checks.about_columns(path, raw, variables))
    if complaints:
        raise DataError.of(complaints)
    names = tuple(variables) or tuple(name for name in raw.columns if name and name not in checks.KEYS)
    cells = pd.DataFrame({"image": raw["image"]}, dtype=object)
    record = raw["record"] if "record" in raw else raw["image"]
    cells["record"] = record.where(record != "", raw["image"])
    cells["split"] = raw["split"].str.lower() if "split" in raw else ""
    cells[list(names)] = raw[list(names)]
    complaints = [*checks.about_images(path, cells), *checks.about_split(path, cells)]
    complaints += checks.about_classes(path, cells, names)
    if complaints:
        raise DataError.of(complaints)
    cells["split"] = cells["split"].map(checks.SPELLINGS)
    return LabelTable(path, names, cells.sort_values("image").reset_index(drop=True))


def read_cells(path: Path) -> pd.DataFrame:
    """A CSV or Parquet file as stripped strings; the index is the line a row stands on."""
    if path.is_dir():
        raise DataError(f"{path}: this is a folder; give the label table in it, a CSV or Parquet file.")
    if not path.is_file():
        there = sorted(p.name for p in path.parent.glob("*") if p.suffix in (".csv", ".parquet"))
        hint = f" In {path.parent} there is: {', '.join(there)}." if there else ""
        raise DataError(f"{path}: there is no such file; a label table is a CSV or Parquet file.{hint}")
    try:
        raw = _parquet(path) if path.suffix == ".parquet" else _csv(path)
    except (ValueError, OSError) as error:  # pandas' and pyarrow's own errors are both
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: this is no table that can be read ({reason}); save it as UTF-8 CSV.") from error
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
