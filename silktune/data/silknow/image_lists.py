"""Lists of images as the released code has them, `collection_1.txt`, and master files that name such lists.

A list has tabs between its cells, and headings with a `#` before each: #image_file, and a variable each; any order, an
unknown label is nan. A master file has the name of a list in its own folder on every line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from silktune.data.silknow.tidy_rows import Row, TidyRows, file_of, museum_of, record_of, subset, values

IMAGE = ("image_file", "image_name")
NO_VARIABLES = (*IMAGE, "museum", "record", "split")


def is_one(columns: list[str]) -> bool:
    """Whether a table with these columns is a list of images."""
    return any(f"#{name}" in columns for name in IMAGE)


def listed(text: str, folder: Path) -> list[Path]:
    """The lists that a master file names; none where it is no master file."""
    names = [line.strip() for line in text.splitlines() if line.strip()]
    paths = [folder / name for name in names if not name.startswith("#")]
    return paths if paths and all("\t" not in name and len(name) < 256 for name in names) else []


def rows(tables: list[tuple[Path, pd.DataFrame]]) -> TidyRows:
    """A row per image. The subset is that in the lists' names (…_train.txt, …_dev.txt, …_test.txt), if they say one."""
    variables = dict.fromkeys(
        name for _, table in tables for column in table if (name := str(column).lstrip("#")) not in NO_VARIABLES
    )
    found = TidyRows(tuple(variables))
    for path, table in tables:
        split = _subset_of(path)
        for cells in _cells(table):
            image = file_of(next(cells[name] for name in IMAGE if name in cells))
            labels = found.labels({name: values(cells[name]) for name in variables if name in cells})
            record = cells.get("record", "") or record_of(image)
            found.add(Row(image, record or image, cells.get("museum", "") or museum_of(image), split, labels))
    found.once("images that stand in the lists with different labels")
    return found


def _cells(table: pd.DataFrame) -> Iterator[dict[str, str]]:
    named = table.set_axis([str(column).lstrip("#") for column in table], axis=1)
    return ({str(name): str(cell) for name, cell in row.items()} for row in named.to_dict("records"))


def _subset_of(path: Path) -> str:
    """The subset whose name is a part of the file's name."""
    parts = re.split(r"[^a-z]+", path.stem.casefold())
    return next(filter(None, map(subset, reversed([part for part in parts if part]))), "")
