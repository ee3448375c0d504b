"""The tidy label table: one row per image, one column per variable, an empty cell is an unknown label."""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from silktune.data import csv_file, label_checks, label_warnings, parquet_file, text_normalisation
from silktune.data.variables import BACKGROUND, SUBSETS, UNKNOWN, Variable
from silktune.errors import DataError

SUFFIXES = (".csv", ".tsv", ".txt", ".gz", ".parquet", ".pq")
PARQUET = (".parquet", ".pq")
GZIP = b"\x1f\x8b"

__all__ = ["BACKGROUND", "SUBSETS", "UNKNOWN", "LabelTable", "Note", "Variable", "read", "read_cells", "table_name"]


class Note(NamedTuple):
    """What a person should know, of the whole table or of one variable."""

    variable: str  # "": of the whole table
    text: str


@dataclass(frozen=True, eq=False)
class LabelTable:
    """A label table that was found to be sound, its rows sorted by image; the index is the line each stands on."""

    source: Path
    variables: tuple[str, ...]  # all columns that can be one, whichever of them are asked for
    cells: pd.DataFrame  # image, record, split and the variables, all str; "" is unknown
    remarks: tuple[Note, ...] = ()
    unusable: Mapping[str, str] = field(default_factory=dict)  # column that nobody asked for → why it is no variable
    asked: tuple[str, ...] = ()  # the variables that have to be usable; none named: all
    groups: pd.Series[str] | None = None  # by line, which group a split keeps together; None: each record

    @property
    def name(self) -> str:
        """What a person calls it."""
        return table_name(self.source)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of it."""
        return tuple(note.text for note in self.remarks)

    @property
    def together(self) -> npt.NDArray[np.str_]:
        """(N,) images with the same name here are in the same subset."""
        units = self.cells["record"] if self.groups is None else self.groups.loc[self.cells.index]
        return units.to_numpy(str)

    def keep(self, images: npt.NDArray[np.bool_]) -> LabelTable:
        """The same table with only some of its rows."""
        return replace(self, cells=self.cells[images])

    def without(self, reasons: Mapping[str, str]) -> LabelTable:
        """The same table without some variables; `reasons` says why, for each."""
        names = tuple(name for name in self.variables if name not in reasons)
        cells = self.cells.drop(columns=list(reasons))
        return replace(self, variables=names, cells=cells, unusable={**self.unusable, **reasons})


def stem(source: Path) -> str:
    """The name of a file without what says its kind."""
    return Path(source.name.removesuffix(".gz")).stem


def table_name(path: Path) -> str:
    """The name of a table's file, or of its folder where the file is just called labels."""
    name = stem(path)
    return path.resolve().parent.name if name == "labels" else name


def read(path: Path, variables: Sequence[str] = (), split_by: str = "") -> LabelTable:
    """Read a label table from CSV or Parquet.

    Every column that can be a variable is read, whichever are asked for: the split is drawn from all of them.

    Args:
        path: columns `image`, optionally `record` (else every image is its own) and `split` (train,
            validation or test), and one column per variable.
        variables: the columns that have to be usable as variables; none named: all.
        split_by: data.split_by, a column that then is no variable unless it is asked for.

    Raises:
        DataError: the file cannot be read or its content cannot be used; all complaints at once.
    """
    return of_cells(path, read_cells(path, variables), variables, split_by)


def of_cells(path: Path, raw: pd.DataFrame, variables: Sequence[str] = (), split_by: str = "") -> LabelTable:
    """The label table in the cells of a file.

    Raises:
        DataError: the cells cannot be used; all complaints at once.
    """
    asked, split_by = (
        [text_normalisation.normalised(name) for name in variables],
        text_normalisation.normalised(split_by),
    )
    if complaints := [*label_checks.about_columns(path, raw, asked), *label_checks.about_split_by(path, raw, split_by)]:
        raise DataError.of(complaints)
    columns = [name for name in label_checks.candidates(raw.columns) if name != split_by or name in asked]
    wanted = asked or columns
    keys = [key for key in (*label_checks.KEYS, split_by) if key in raw]
    if complaints := list(label_checks.about_cells(path, raw, [*keys, *wanted])):
        raise DataError.of(complaints)
    cells = tidy(raw, columns)
    complaints = [*label_checks.about_images(path, cells), *label_checks.about_split(path, cells)]
    complaints += label_checks.about_classes(path, cells, wanted)
    if complaints:
        raise DataError.of(complaints)
    cells["split"] = cells["split"].map(label_checks.SPELLINGS)
    groups = _groups(path, cells["record"], raw[split_by], split_by) if split_by else None
    unusable = dict(label_checks.unusable(path, raw, [name for name in columns if name not in wanted]))
    told = tuple(notes(raw, [name for name in columns if name not in unusable]))
    whole = LabelTable(path, tuple(columns), cells.sort_values("image"), told, asked=tuple(asked), groups=groups)
    return whole.without(unusable)


def tidy(raw: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The keys, with what stands for those that are not given, and the variables."""
    cells = pd.DataFrame({"image": raw["image"]}, dtype=object)
    record = raw["record"] if "record" in raw else raw["image"]
    cells["record"] = record.where(record != "", raw["image"])
    cells["split"] = raw["split"].str.lower() if "split" in raw else ""
    cells[list(names)] = raw[list(names)]
    return cells


def _groups(path: Path, record: pd.Series[str], group: pd.Series[str], name: str) -> pd.Series[str]:
    """What a split keeps together: the groups that are named, and each record of which none is known.

    Raises:
        DataError: a record in several groups, or fewer groups than subsets.
    """
    known = group[group != ""].groupby(record).unique()
    if complaints := list(label_checks.about_groups(path, name, known)):
        raise DataError.of(complaints)
    return record.map(known.str[0].map("group {}".format)).fillna("record " + record)


def notes(raw: pd.DataFrame, names: Sequence[str]) -> Iterator[Note]:
    """What a person should know of a table with these variables."""
    yield from (Note("", text) for text in label_warnings.about_columns(list(raw.columns)))
    yield from (Note("", text) for text in label_warnings.about_subsets(raw))
    for name in ("record", *names) if "record" in raw else names:
        counts = Counter(raw.loc[raw[name] != "", name])
        texts = [*label_warnings.about_labels(name, counts), *label_warnings.about_lost(name, counts)]
        yield from (Note("" if name == "record" else name, text) for text in texts)


def read_cells(path: Path, variables: Sequence[str] = ()) -> pd.DataFrame:
    """A CSV or Parquet file as text in one spelling; the index, 'line' or 'row', is where a row stands.

    What is wrong with types of Parquet is said of all columns, or of keys and `variables` where some are named.

    Raises:
        DataError: there is no such file, or it cannot be read cell by cell.
    """
    variables = [text_normalisation.normalised(name) for name in variables]
    if path.is_dir():
        raise DataError(f"{path}: this is a folder; give the label table in it, a CSV or Parquet file.")
    if not path.is_file():
        there = sorted(p.name for p in path.parent.glob("*") if p.suffix.lower() in SUFFIXES)
        hint = f" In {path.parent} there is: {', '.join(there)}." if there else ""
        raise DataError(f"{path}: there is no such file; a label table is a CSV or Parquet file.{hint}")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: this cannot be read: {error.strerror or error}.") from error
    try:
        raw = _content(path, data, variables)
    except (ValueError, OSError, EOFError, zlib.error) as error:  # OSError: what gzip and pyarrow raise
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: this is no table that can be read ({reason}); save it as UTF-8 CSV.") from error
    spelled = pd.DataFrame(raw.apply(_spelled))
    return spelled.loc[(spelled != "").any(axis=1)]


def _content(path: Path, data: bytes, variables: Sequence[str]) -> pd.DataFrame:
    """The cells as they are written, whatever kind of file it is."""
    if data.startswith(GZIP):
        data = gzip.decompress(data)
    if data.startswith(parquet_file.MAGIC) or path.suffix.lower() in PARQUET:
        return parquet_file.read(path, data, variables)
    return csv_file.read(path, data)


def _spelled(column: pd.Series[str]) -> pd.Series[str]:
    """Each cell in one spelling; the name of an image is that of its file, however that is spelled."""
    spell = text_normalisation.trimmed if column.name == "image" else text_normalisation.normalised
    return column.map({cell: spell(cell) for cell in column.unique()}).astype(object)
