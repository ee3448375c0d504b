"""Parquet: what is missing is missing for every type, and what is no label is refused."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from silktune.data import label_table
from silktune.errors import DataError

DAYS = [datetime.date(1750, 1, 1), None, datetime.date(1900, 5, 6), datetime.date(1750, 1, 1)]


def written(path: Path, **columns: Any) -> Path:
    """A table of four images and these columns."""
    arrays = {"image": pa.array(["a", "b", "c", "d"])} | columns
    pa.parquet.write_table(pa.table(arrays), path)
    return path


def column(path: Path, name: str = "v") -> list[str]:
    return label_table.read(path).cells[name].tolist()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array(["x", None, "y", "x"]), ["x", "", "y", "x"]),
        (pa.array(["x", None, "y", "x"], pa.large_string()), ["x", "", "y", "x"]),
        (pa.array(["x", None, "y", "x"]).dictionary_encode(), ["x", "", "y", "x"]),
        (pa.array([1, None, 2, 1]).dictionary_encode(), ["1", "", "2", "1"]),
        (pa.array([1, None, 2, 1], pa.int8()), ["1", "", "2", "1"]),
        (pa.array([1.0, None, float("nan"), 2.5]), ["1", "", "", "2.5"]),
        (pa.array([True, None, False, True]), ["True", "", "False", "True"]),
        (pa.array(DAYS), ["1750-01-01", "", "1900-05-06", "1750-01-01"]),
        (
            pa.array(DAYS).cast(pa.timestamp("ms")),
            ["1750-01-01 00:00:00", "", "1900-05-06 00:00:00", "1750-01-01 00:00:00"],
        ),
        (pa.array([Decimal("1.50"), None, Decimal("2.00"), None]), ["1.50", "", "2.00", ""]),
    ],
)
def test_what_is_missing_is_missing_for_every_type(tmp_path: Path, values: pa.Array, expected: list[str]) -> None:
    assert column(written(tmp_path / "l.parquet", v=values)) == expected


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(pd.to_datetime(["2001-01-01", None, "2002-01-01", None])),
        pd.Series(pd.to_datetime(["2001-01-01", None, "2002-01-01", None])).dt.tz_localize("UTC"),
        pd.Series(pd.to_datetime(["2001-01-01", None, "2002-01-01", None])).astype("category"),
        pd.Series([1, None, 2, None], dtype="Int64"),
        pd.Series([1.5, None, 2.5, None], dtype="Float64"),
        pd.Series([True, None, False, None], dtype="boolean"),
        pd.Series(["x", None, "y", None], dtype="string"),
        pd.Series(["x", np.nan, "y", pd.NA], dtype=object),
        pd.Series(["x", None, "y", None], dtype="category"),
        pd.Series([1, None, 2, None], dtype="Int64").astype("category"),
        pd.Series(["x", "", "y", " "], dtype="category"),
    ],
    ids=lambda values: str(values.dtype),
)
def test_gaps_of_pandas(tmp_path: Path, values: pd.Series) -> None:
    pd.DataFrame({"image": list("abcd"), "v": values, "w": list("xyxy")}).to_parquet(tmp_path / "l.parquet")
    found = column(tmp_path / "l.parquet")
    assert [cell == "" for cell in found] == [False, True, False, True]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.array([b"GB", None, b"FR", b"GB"]), "binary"),
        (pa.array([b"GB", None, b"FR", b"GB"]).dictionary_encode(), "dictionary<values=binary"),
        (pa.array([["x"], None, ["y"], []]), "list<"),
        (pa.array([{"a": 1}, None, {"a": 2}, None]), "struct<"),
        (pa.array([datetime.timedelta(1), None, None, None]), "duration"),
    ],
)
def test_what_is_no_label_is_refused_with_its_column(tmp_path: Path, values: pa.Array, kind: str) -> None:
    path = written(tmp_path / "l.parquet", v=values, w=pa.array(list("xyxy")))
    with pytest.raises(DataError) as caught:
        label_table.read(path)
    assert str(caught.value).startswith(f"{path}: the column v holds values of the type {kind}")
    assert str(caught.value).endswith(
        "; a label is a text, a number, a date or a truth value. Write it as text, or leave the column out."
    )
    assert label_table.read(path, ("w",)).variables == ("w",)


@pytest.mark.parametrize("name", ["l.PARQUET", "l.pq", "l.Pq", "l.txt", "l"])
def test_a_parquet_file_of_any_name(tmp_path: Path, name: str) -> None:
    assert column(written(tmp_path / name, v=pa.array(["x", None, "y", "x"]))) == ["x", "", "y", "x"]


def test_large_numbers_with_a_gap_are_not_rounded(tmp_path: Path) -> None:
    large = 2**53
    for values in (pa.array([large, None, large + 1, large]), pa.array([large, None, large + 1, large], pa.uint64())):
        found = column(written(tmp_path / "l.parquet", v=values, record=values))
        assert found == [str(large), "", str(large + 1), str(large)]


def test_a_column_that_pandas_took_for_its_index(tmp_path: Path) -> None:
    pd.DataFrame({"image": list("ab"), "v": list("xy")}).set_index("image").to_parquet(tmp_path / "l.parquet")
    assert label_table.read(tmp_path / "l.parquet").cells["image"].tolist() == ["a", "b"]


def test_rows_not_lines_are_said(tmp_path: Path) -> None:
    path = written(tmp_path / "l.parquet", image=pa.array(["a", "", "c", "c"]), v=pa.array(list("xyxy")))
    with pytest.raises(DataError) as caught:
        label_table.read(path)
    assert str(caught.value).splitlines() == [
        f"{path}: the cell image is empty in row 2; write a file name or delete the row.",
        f"{path}: the image c is in rows 3, 4; an image has one row. Delete the others.",
    ]


@pytest.mark.parametrize("data", [b"image,v\na,x\n", b"PAR1", b"PAR1 and more that is none PAR1", b""])
def test_what_is_no_parquet_file(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "l.parquet").write_bytes(data)
    with pytest.raises(DataError, match="this is no table that can be read"):
        label_table.read(tmp_path / "l.parquet")


def test_an_empty_table(tmp_path: Path) -> None:
    pd.DataFrame({"image": [], "v": []}).to_parquet(tmp_path / "l.parquet")
    with pytest.raises(DataError, match="there is no row below the headings"):
        label_table.read(tmp_path / "l.parquet")
