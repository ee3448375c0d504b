"""Classes merged and renamed by a small table: variable, old, new; an empty new one is an unknown label."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from silktune.data.csv_file import read
from silktune.data.silknow.tidy_rows import TidyRows, label
from silktune.errors import DataError, nearest

COLUMNS = ("variable", "old", "new")
MAPPED_AWAY = "values that the map takes out"


def mapped(rows: TidyRows, path: Path, data: bytes) -> TidyRows:
    """The rows with the classes that a map gives them; images that then have no label are left out.

    Raises:
        DataError: it is no such table, or names a variable or a class that is not there, or a class twice.
    """
    try:
        table = read(path, data)
    except ValueError as error:
        raise DataError(
            f"{path}: this is no table that can be read ({error}). A map has {', '.join(COLUMNS)}."
        ) from error
    if missing := [name for name in COLUMNS if name not in table]:
        raise DataError(f"{path}: a map has the columns {', '.join(COLUMNS)}; it lacks {', '.join(missing)}.")
    new: dict[tuple[str, str], str] = {}
    complaints, classes = [], {name: _classes(rows, name) for name in rows.variables}
    for line, cells in zip(table.index, table[list(COLUMNS)].to_numpy().tolist(), strict=True):
        variable, old, name = map(label, cells)
        if variable not in classes:
            complaints.append(
                f"{path}: line {line}: there is no variable {variable}.{nearest(variable, rows.variables)}"
            )
        elif old not in classes[variable]:
            complaints.append(f"{path}: line {line}: {variable} has no class {old}.{nearest(old, classes[variable])}")
        elif new.setdefault((variable, old), name) != name:
            complaints.append(f"{path}: line {line}: {variable}: {old} is mapped twice, to two classes.")
    if complaints:
        raise DataError.of(complaints)
    return _applied(rows, new)


def _classes(rows: TidyRows, variable: str) -> list[str]:
    return list(dict.fromkeys(row.labels[variable] for row in rows.rows if variable in row.labels))


def _applied(rows: TidyRows, new: dict[tuple[str, str], str]) -> TidyRows:
    found = TidyRows(rows.variables, [], Counter(rows.left_out), dict(rows.unknown))
    for row in rows.rows:
        labels = {variable: new.get((variable, name), name) for variable, name in row.labels.items()}
        for variable in (variable for variable, name in labels.items() if not name):
            found.unknown.setdefault(variable, Counter())[MAPPED_AWAY] += 1
        found.add(replace(row, labels={variable: name for variable, name in labels.items() if name}))
    return found
