"""Proposals as files: the table of proposals, a completed label table, and what the released code writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from silktune.errors import ResourceError, SettingsError, trouble
from silktune.model.catalogue import Catalogue
from silktune.safe_names import file_name

SUFFIXES = (".csv", ".parquet")
NUMBERS = ("probability", "runner_up_probability")
SOURCE = "_source"  # after a variable's name: the column that says where its label is from
FROM_TABLE, FROM_MODEL = "table", "silktune"


def check_new(path: Path, option: str, suffixes: Sequence[str] = SUFFIXES) -> None:
    """See that a file can be written without loss.

    Raises:
        SettingsError: it is there already, or its name says no kind that is written.
    """
    if path.suffix.lower() not in suffixes:
        raise SettingsError(f"{option} {path}: its name may end in {' or '.join(suffixes)}.")
    if path.exists():
        raise SettingsError(f"{option} {path}: this file is there already, and is not overwritten. Give another name.")


class Rows:
    """A file of rows, CSV or Parquet, that has its name when all are written."""

    def __init__(
        self, path: Path, columns: Sequence[str], numbers: Sequence[str] = (), keep: Callable[[], bool] = lambda: True
    ) -> None:
        """`numbers` are the columns that are no text; `keep` says in the end whether the file is wanted."""
        self.path, self.columns, self._keep = path, list(columns), keep
        self._beside = _beside(path)
        self._writer: Any = None
        self._schema = pa.schema([(name, pa.float32() if name in numbers else pa.string()) for name in self.columns])

    def __enter__(self) -> Self:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.suffix.lower() == ".parquet":
                self._writer = parquet.ParquetWriter(self._beside, self._schema)
            else:
                pd.DataFrame(columns=self.columns).to_csv(self._beside, index=False, encoding="utf-8")
        except OSError as error:
            raise ResourceError(trouble(f"{self.path} could not be written", error)) from error
        return self

    def add(self, rows: pd.DataFrame) -> None:
        """Raises ResourceError: there is no room."""
        rows = rows[self.columns]
        try:
            if self._writer:
                self._writer.write_table(pa.Table.from_pandas(rows, self._schema, preserve_index=False))
            else:
                rows.to_csv(self._beside, mode="a", header=False, index=False, float_format="%.4f", encoding="utf-8")
        except OSError as error:
            raise ResourceError(trouble(f"{self.path} could not be written", error)) from error

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._writer:
            self._writer.close()
        if kind is None and self._keep():
            self._beside.replace(self.path)
        else:
            self._beside.unlink(missing_ok=True)


def check_columns(catalogue: Catalogue, variables: Sequence[str]) -> None:
    """See that no column of a table would be lost when its gaps are filled.

    Raises:
        SettingsError: it has a column of the name that says where a label is from.
    """
    if taken := [name for variable in variables if (name := f"{variable}{SOURCE}") in catalogue.cells]:
        raise SettingsError(
            f"--complete: {catalogue.source} has the column {', '.join(taken)} already, which would say where each "
            "label is from. Give it another name there."
        )


class Filled:
    """A copy of a catalogue's table in which gaps are filled, with a column that says so for each variable."""

    def __init__(self, catalogue: Catalogue, variables: Sequence[str], *, by_record: bool) -> None:
        self.catalogue, self.variables = catalogue, list(variables)
        self._key = "record" if by_record else "image"
        self._found: dict[str, dict[str, str]] = {name: {} for name in variables}

    def add(self, rows: pd.DataFrame) -> None:
        """Remember what is proposed."""
        proposed = rows[rows["proposal"] != ""]
        for name, part in proposed.groupby("variable"):
            self._found[str(name)] |= dict(zip(part[self._key], part["proposal"], strict=True))

    def write(self, path: Path) -> None:
        """Raises ResourceError: there is no room."""
        table = self.catalogue.cells.copy()
        for name in self.variables:
            known = self.catalogue.known(name)
            proposed = table[self._key].map(self._found[name]).fillna("")
            table[name] = known.where(known != "", proposed)
            source = np.where(known != "", FROM_TABLE, np.where(proposed != "", FROM_MODEL, ""))
            table[f"{name}{SOURCE}"] = source
        with Rows(path, [str(name) for name in table.columns]) as file:
            file.add(table)


class Released:
    """`sys_integration_pred_<variable>.csv`, a file for each variable, as the released code writes them."""

    HEAD = "obj_uri, museum, image_name, predicted_class, class_score"

    def __init__(self, folder: Path, variables: Sequence[str], museums: Mapping[str, str]) -> None:
        """`museums` are by image, where there are some."""
        self._paths = {name: folder / f"sys_integration_pred_{file_name(name)}.csv" for name in variables}
        self._museums = museums

    def __enter__(self) -> Self:
        for path in self._paths.values():
            path.parent.mkdir(parents=True, exist_ok=True)
            _beside(path).write_text(f"{self.HEAD}\n", encoding="utf-8")
        return self

    def add(self, rows: pd.DataFrame) -> None:
        """Add what is proposed."""
        for name, part in rows[rows["proposal"] != ""].groupby("variable"):
            columns = (part[column].tolist() for column in ("record", "image", "proposal", "probability"))
            with _beside(self._paths[str(name)]).open("a", encoding="utf-8") as file:
                for record, image, proposal, probability in zip(*columns, strict=True):
                    museum = self._museums.get(image, "")
                    file.write(f"{record}, {museum}, {image}, {proposal}, {100 * probability:.2f}%\n")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for path in self._paths.values():
            if kind is None:
                _beside(path).replace(path)
            else:
                _beside(path).unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    """What a file is called until it is whole."""
    return path.with_name(f".{path.name}.part")
