"""A table in a Parquet file as text: what each type of value is written as, and which types are none of a label."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from silktune.data import text_normalisation
from silktune.data.label_checks import KEYS
from silktune.errors import DataError

MAGIC = b"PAR1"
_LABELS = (  # as pyarrow.types asks for them: is_string, …
    "string", "large_string", "string_view", "integer", "floating", "decimal", "boolean", "null", "date", "timestamp",
    "time",
)  # fmt: skip


def read(path: Path, data: bytes, variables: Sequence[str]) -> pd.DataFrame:
    """The rows as text, what is missing as ''; the index is the number of the row.

    Args:
        path: begins the complaints.
        data: the file.
        variables: the columns that are wanted beside the keys; none named: all.

    Raises:
        DataError: a column that is wanted holds what is no text, number, date or truth value.
        ValueError: it is no Parquet file, or a damaged one.
    """
    try:
        table = pa.parquet.read_table(io.BytesIO(data))
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error
    if complaints := list(_about_types(path, table.schema, variables)):
        raise DataError.of(complaints)
    frame: pd.DataFrame = table.select([n for n, field in enumerate(table.schema) if _is_label(field.type)]).to_pandas(
        integer_object_nulls=True
    )
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()  # pandas keeps an index with a name as a column
    cells = frame.astype(object).map(_cell)
    cells.columns = pd.Index([text_normalisation.normalised(str(name)) for name in frame.columns])
    return cells.set_axis(pd.RangeIndex(1, len(cells) + 1, name="row"))


def _about_types(path: Path, schema: pa.Schema, variables: Sequence[str]) -> Iterator[str]:
    for field in schema:
        name = text_normalisation.normalised(field.name)
        wanted = not variables or name in (*KEYS, *variables)
        if wanted and not _is_label(field.type):
            yield (
                f"{path}: the column {name} holds values of the type {field.type}; a label is a text, a number, "
                "a date or a truth value. Write it as text, or leave the column out."
            )


def _is_label(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_label(kind.value_type)
    return any(getattr(pa.types, f"is_{name}")(kind) for name in _LABELS)


def _cell(value: object) -> str:
    """A whole number that a gap in its column made a float is whole again."""
    if pd.isna(value):  # type: ignore[call-overload]
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
