"""Whatever of SILKNOW's files a person has, as tidy rows: an export of the knowledge graph, or lists of images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from silktune.data import csv_file
from silktune.data.silknow import image_lists, knowledge_graph
from silktune.data.silknow.tidy_rows import TidyRows
from silktune.errors import DataError, trouble

FORMS = (
    "an export of the knowledge graph (columns obj, deeplink, place_country_code, …), lists of images (#image_file and "
    "a column for each variable, tabs between them), or a master file that names such lists"
)


def read(sources: Sequence[Path]) -> TidyRows:
    """The images and labels in one export, or in one or more lists of images.

    Raises:
        DataError: a file cannot be read or is of no known form; or files of two forms.
    """
    tables = [found for source in sources for found in _tables(source)]
    exports = [(path, table) for path, table in tables if knowledge_graph.is_one(list(table.columns))]
    if not exports:
        return image_lists.rows(tables)
    if len(tables) > 1:
        raise DataError(f"{exports[0][0]}: this is an export of the knowledge graph; give it alone.")
    return knowledge_graph.rows(exports[0][1])


def _tables(source: Path) -> list[tuple[Path, pd.DataFrame]]:
    """The file's own table, or those of the lists that it names."""
    data = _bytes(source)
    if lists := image_lists.listed(data.decode("utf-8", "replace"), source.parent):
        if all(path.is_file() for path in lists):
            return [(path, _table(path, _bytes(path))) for path in lists]
        if any(path.is_file() for path in lists):
            missing = ", ".join(path.name for path in lists if not path.is_file())
            raise DataError(f"{source}: it names lists that are not in {source.parent}: {missing}. Put them there.")
    return [(source, _table(source, data))]


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(trouble(path, error, "give another file")) from error


def _table(path: Path, data: bytes) -> pd.DataFrame:
    try:
        table = csv_file.read(path, data)
    except ValueError as error:
        raise DataError(f"{path}: this is no table that can be read ({error}).") from error
    columns = list(table.columns)
    if knowledge_graph.is_one(columns) or image_lists.is_one(columns):
        return table
    raise DataError(f"{path}: this is none of the files that can be imported: {FORMS}.")
