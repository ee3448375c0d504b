"""What can be wrong with a label table, each in a sentence: where, what, and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from silktune.data import text_normalisation
from silktune.data.variables import SUBSETS, Variable
from silktune.errors import nearest

KEYS = ("image", "record", "split")
COUNTS = ("variable", "class", "count")
SPELLINGS = {name: name for name in SUBSETS} | {"val": "validation", "dev": "validation", "": ""}


def about_columns(path: Path, raw: pd.DataFrame, variables: Sequence[str]) -> Iterator[str]:
    found = [name for name in raw.columns if name]
    if complaints := [*about_headings(path, found), *about_ends(path, found)]:
        yield from complaints
        return
    for name, times in Counter(found).items():
        if times > 1:
            yield f"{path}: the column {name} is there {times} times; a column's name must be its own."
    yield from about_keys(path, found, KEYS)
    if "image" not in map(text_normalisation.letters, found):
        yield f"{path}: there is no column image, the file name of each row's image.{nearest('image', found)}"
    if "subset" in map(text_normalisation.letters, found) and (not variables or "subset" in variables):
        yield f"{path}: no column may be called subset; call it split (train, validation, test)."
    possible = candidates(found)
    if not possible:
        yield f"{path}: there is no variable; every column but {', '.join(KEYS)} is one. Add one."
    for name in variables:
        if name not in possible and possible:
            yield f"data.variables: {path} has no variable {name}.{nearest(name, possible)}"
    if not len(raw):
        yield f"{path}: there is no row below the headings; a label table has one row per image."


def about_headings(path: Path, headings: Sequence[str]) -> Iterator[str]:
    """Characters and quotation marks that no heading may hold."""
    for number, name in enumerate(headings, 1):
        if code := text_normalisation.control(name):
            yield f"{path}: the heading of column {number} holds the control character {code}; delete it."
        elif text_normalisation.is_quoted(name) and text_normalisation.letters(name) not in KEYS:
            yield f"{path}: the heading {name} is in quotation marks that are not plain double quotes; leave them out."


def about_ends(path: Path, headings: Sequence[str]) -> Iterator[str]:
    """Every line of a file may end with separators of another kind than its own; a gap would be a class of them."""
    for name in headings:
        if name[-1] in ",;|":
            yield f"{path}: the heading {name} ends with a separator, but not the file's own; save it with one kind."


def about_keys(path: Path, headings: Sequence[str], keys: Sequence[str]) -> Iterator[str]:
    """Headings that are keys but for case, spaces or signs: read as variables, they would be missed in silence."""
    for name in headings:
        key = text_normalisation.letters(name)
        if key in keys and name != key:
            yield f"{path}: the column {name}: did you mean {key}? Call it {key}, or otherwise if it is another."


def about_cells(path: Path, raw: pd.DataFrame, names: Sequence[str]) -> Iterator[str]:
    """Characters that no cell may hold, and cells whose quotation marks were not taken off."""
    for name in names:
        column = raw[name]
        held = {cell: code for cell in column.unique() if (code := text_normalisation.control(cell))}
        for code in sorted(set(held.values())):
            where = at(column.index[column.map(held.get) == code].tolist(), str(column.index.name))
            yield f"{path}: {where}: the cell {name} holds the control character {code}; delete it."
        quoted = column[column.isin([cell for cell in column.unique() if text_normalisation.is_quoted(cell)])]
        if len(quoted):
            where = at(quoted.index.tolist(), str(column.index.name))
            yield (
                f"{path}: {where}: the cell {name} is in quotation marks, {quoted.iloc[0]}, that would belong to its "
                "text; only plain double quotes directly around a cell are taken off. Write it without them."
            )


def about_images(path: Path, cells: pd.DataFrame) -> Iterator[str]:
    what = str(cells.index.name)
    empty = cells.index[cells["image"] == ""].tolist()
    if empty:
        yield f"{path}: the cell image is empty in {at(empty, what)}; write a file name or delete the row."
    twice = cells[cells["image"].duplicated(keep=False) & (cells["image"] != "")]
    for image, rows in list(twice.groupby("image"))[:5]:
        lines = at(rows.index.tolist(), what)
        yield f"{path}: the image {image} is in {lines}; an image has one row. Delete the others."
    more = twice["image"].nunique() - 5
    if more > 0:
        yield f"{path}: {more} more images are in several rows."


def about_split(path: Path, cells: pd.DataFrame) -> Iterator[str]:
    unknown = sorted(set(cells["split"]) - SPELLINGS.keys())
    if unknown:
        yield f"{path}: the column split holds {some(unknown)}; it may hold {', '.join(SUBSETS)}."
        return
    subsets = cells["split"].map(SPELLINGS)
    if not subsets.any():
        return
    empty = cells.index[subsets == ""].tolist()
    if empty:
        where = at(empty, str(cells.index.name))
        yield f"{path}: the cell split is empty in {where}; fill the whole column or leave it out."
    missing = [name for name in SUBSETS if name not in set(subsets)]
    if missing:
        yield f"{path}: the column split names no image of {', '.join(missing)}; all three are needed."
    if names := torn_records(cells["record"], subsets):
        yield (
            f"{path}: the column split puts images of one record into several subsets ({some(names)}); "
            "keep a record together, or leave the column out and a split is drawn."
        )


def torn_records(record: pd.Series[str], subsets: pd.Series[str]) -> list[str]:
    """The records whose images are in several subsets."""
    torn = subsets[subsets != ""].groupby(record).nunique()
    return [str(name) for name in torn.index[torn > 1]]


def about_split_by(path: Path, raw: pd.DataFrame, name: str) -> Iterator[str]:
    """Whether a split can be drawn by the groups of this column."""
    columns = [column for column in raw.columns if column not in ("", "image", "split")]
    if name and name not in columns:
        yield f"data.split_by: {path} has no column {name} to split by.{nearest(name, columns)}"
    elif name and "split" in raw and (raw["split"] != "").any():
        yield f"data.split_by={name}: {path} has a column split already, by which it is split. Leave one of them out."


def about_groups(path: Path, name: str, known: pd.Series[Any]) -> Iterator[str]:
    """Whether the groups of each record, by record, can be kept together, one at least in each subset."""
    torn = known.index[known.str.len() > 1].tolist()
    if torn:
        yield (
            f"data.split_by={name}: {path} has images of one record in several groups ({some(torn)}); a record is in "
            "one subset, and so in one group."
        )
    elif (groups := known.str[0].nunique()) < len(SUBSETS):
        many = f"{groups} groups" if groups != 1 else "1 group"
        yield f"data.split_by={name}: {path} has {many} in this column; three are needed, one for each subset."


def about_classes(path: Path, cells: pd.DataFrame, names: Sequence[str]) -> Iterator[str]:
    variables = [Variable.of(name, cells[name]) for name in names]
    usable = [variable.name for variable in variables if variable.K >= 2]
    for variable in variables:
        if variable.K < 2:
            what = f"only the class {variable.classes[0]}" if variable.K else "no class"
            yield f"{path}: the variable {variable.name} has {what}; two are needed. {without(usable)}"


def unusable(path: Path, raw: pd.DataFrame, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Of these columns those that can be no variable, and why."""
    for name in names:
        K = Variable.of(name, raw[name]).K
        if any(about_cells(path, raw, [name])):
            yield name, "its text holds control characters or quotation marks"
        elif K < 2:
            yield name, "it has only one class" if K else "it has no class"


def candidates(headings: Iterable[str]) -> list[str]:
    """The columns that may be variables."""
    return [name for name in headings if name and name not in KEYS and text_normalisation.letters(name) != "subset"]


def without(usable: Sequence[str]) -> str:
    """What to do about a variable that cannot be used."""
    if not usable:
        return "Label more images."
    return f"Label more images, or leave it out with data.variables={','.join(usable)}"


def at(numbers: Sequence[int], what: str = "line") -> str:
    """'line 3' or 'lines 3, 4', of a file; 'row 3' where it has no lines."""
    return f"{what}{'s' * (len(numbers) > 1)} {some(numbers)}"


def some(things: Sequence[object], most: int = 5) -> str:
    """The first few of many."""
    more = f" and {len(things) - most} more" if len(things) > most else ""
    return ", ".join(map(str, things[:most])) + more
