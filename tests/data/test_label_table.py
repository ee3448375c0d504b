"""Reading the label table, and every sentence about a bad one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from silktune.data import label_table
from silktune.data.label_table import UNKNOWN, Variable
from silktune.errors import DataError

Write = Callable[..., Path]
GOOD = "image,record,place,time\nb.jpg,r1,FR,old\na.jpg,r1, ES ,\nc.jpg,,background,new\n"


def complaint(path: Path, *variables: str) -> str:
    with pytest.raises(DataError) as caught:
        label_table.read(path, variables)
    return str(caught.value)


def test_a_good_table(table: Write) -> None:
    found = label_table.read(table(GOOD))
    assert found.variables == ("place", "time")
    assert found.cells.to_numpy().tolist() == [
        ["a.jpg", "r1", "", "ES", ""],
        ["b.jpg", "r1", "", "FR", "old"],
        ["c.jpg", "c.jpg", "", "background", "new"],
    ]


def test_without_records_every_image_is_its_own(table: Write) -> None:
    found = label_table.read(table("image,place\na.jpg,FR\nb.jpg,ES\n"))
    assert found.cells["record"].tolist() == ["a.jpg", "b.jpg"]


def test_words_that_pandas_takes_for_missing_are_classes(table: Write) -> None:
    found = label_table.read(table("image,shape\na.jpg,none\nb.jpg,NA\nc.jpg,nan\n"))
    assert found.cells["shape"].tolist() == ["none", "NA", "nan"]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_and_a_byte_order_mark(table: Write, separator: str) -> None:
    found = label_table.read(table("\ufeff" + GOOD.replace(",", separator)))
    assert found.variables == ("place", "time")


def test_blank_lines_and_columns_without_a_name_are_nothing(table: Write) -> None:
    found = label_table.read(table(",image,place\n0,a.jpg,FR\n\n1,b.jpg,ES\n"))
    assert found.variables == ("place",)
    assert len(found.cells) == 2


def test_parquet_is_read_like_csv(table: Write, tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "image": ["a", "b", "c"],
            "place": pd.Categorical(["FR", None, "ES"]),
            "number": [3.0, np.nan, 4.0],
            "whole": pd.array([1, None, 2], "Int64"),
        }
    )
    frame.to_parquet(tmp_path / "labels.parquet")
    csv = table("image,place,number,whole\na,FR,3,1\nb,,,\nc,ES,4,2\n")
    from_parquet = label_table.read(tmp_path / "labels.parquet").cells
    assert from_parquet.to_numpy().tolist() == label_table.read(csv).cells.to_numpy().tolist()


@pytest.mark.parametrize("asked", [(), ("time", "place"), ("place",)])
def test_all_variables_are_read_whichever_are_asked_for(table: Write, asked: tuple[str, ...]) -> None:
    found = label_table.read(table(GOOD), asked)
    assert found.variables == ("place", "time")
    assert found.cells.columns.tolist() == ["image", "record", "split", "place", "time"]
    assert found.asked == asked


def test_a_bad_column_that_nobody_asked_for_is_no_variable(table: Write) -> None:
    path = table("image,place,one,none,signs,quoted\na,FR,x,,a\x07,“b”\nb,ES,x,,b,c\nc,ES,,,c,d\n")
    found = label_table.read(path, ("place",))
    assert found.variables == ("place",)
    assert found.unusable == {
        "one": "it has only one class", "none": "it has no class",
        "signs": "its text holds control characters or quotation marks",
        "quoted": "its text holds control characters or quotation marks",
    }  # fmt: skip
    assert "the cell signs holds the control character U+0007" in complaint(path)
    assert "the variable one has only the class x" in complaint(path, "place", "one")


def test_the_spellings_of_a_given_split(table: Write) -> None:
    rows = "a,Train,x\nb,dev,y\nc,val,x\nd,validation,y\ne,test,x\n"
    found = label_table.read(table("image,split,v\n" + rows))
    assert found.cells["split"].tolist() == ["train", "validation", "validation", "validation", "test"]


def test_classes_are_numbered_in_alphabetical_order_background_last() -> None:
    cells = pd.Series(["b", "", "background", "a", "b"])
    variable = Variable.of("v", cells)
    assert (variable.classes, variable.counts, variable.background) == (("a", "b"), (1, 2), 1)
    assert (variable.K, variable.outputs, variable.background_id) == (2, 3, 2)
    assert variable.names == ("a", "b", "background")
    assert variable.encode(cells).tolist() == [1, UNKNOWN, 2, 0, 1]


def test_without_background_there_is_no_number_for_it() -> None:
    variable = Variable.of("v", pd.Series(["b", "a"]))
    assert (variable.outputs, variable.background_id, variable.names) == (2, -1, ("a", "b"))


def test_no_such_file_names_the_tables_that_are_there(table: Write, tmp_path: Path) -> None:
    table(GOOD)
    assert complaint(tmp_path / "label.csv") == (
        f"{tmp_path}/label.csv: there is no such file; a label table is a CSV or Parquet file. "
        f"In {tmp_path} there is: labels.csv."
    )


def test_no_image_column(table: Write) -> None:
    path = table("images,place\na,FR\nb,ES\n")
    assert complaint(path) == (
        f"{path}: there is no column image, the file name of each row's image. Did you mean images?"
    )


def test_an_image_twice_says_the_lines(table: Write) -> None:
    path = table("image,place\na.jpg,FR\nb.jpg,ES\na.jpg,ES\n")
    assert complaint(path) == (f"{path}: the image a.jpg is in lines 2, 4; an image has one row. Delete the others.")


def test_many_images_twice_are_not_all_named(table: Write) -> None:
    path = table("image,place\n" + "".join(f"{i % 8},{'FR' if i % 2 else 'ES'}\n" for i in range(16)))
    assert complaint(path).splitlines()[-1] == f"{path}: 3 more images are in several rows."


def test_an_empty_image_cell(table: Write) -> None:
    path = table("image,place\na,FR\n,ES\n")
    assert complaint(path) == f"{path}: the cell image is empty in line 3; write a file name or delete the row."


def test_no_variable_and_no_row_are_said_together(table: Write) -> None:
    path = table("image,record\n")
    assert complaint(path).splitlines() == [
        f"{path}: there is no variable; every column but image, record, split is one. Add one.",
        f"{path}: there is no row below the headings; a label table has one row per image.",
    ]


def test_a_column_twice(table: Write) -> None:
    path = table("image,place,place\na,FR,FR\nb,ES,ES\n")
    assert complaint(path) == f"{path}: the column place is there 2 times; a column's name must be its own."


def test_a_column_called_subset(table: Write) -> None:
    path = table("image,subset,place\na,train,FR\nb,test,ES\n")
    assert complaint(path) == f"{path}: no column may be called subset; call it split (train, validation, test)."
    assert label_table.read(path, ("place",)).variables == ("place",)


def test_an_unknown_variable(table: Write) -> None:
    path = table(GOOD)
    assert complaint(path, "plaec", "time") == (f"data.variables: {path} has no variable plaec. Did you mean place?")


def test_a_variable_with_one_class_or_none(table: Write) -> None:
    path = table("image,place,time,colour\na,FR,old,\nb,ES,,background\n")
    assert complaint(path).splitlines() == [
        f"{path}: the variable time has only the class old; two are needed. "
        "Label more images, or leave it out with data.variables=place",
        f"{path}: the variable colour has no class; two are needed. "
        "Label more images, or leave it out with data.variables=place",
    ]


def test_a_split_that_is_none(table: Write) -> None:
    path = table("image,split,v\na,train,x\nb,rest,y\n")
    assert complaint(path) == f"{path}: the column split holds rest; it may hold train, validation, test."


def test_a_split_that_is_not_whole_tears_a_record_or_lacks_a_subset(table: Write) -> None:
    path = table("image,record,split,v\na,r,train,x\nb,r,dev,y\nc,s,,x\n")
    assert complaint(path).splitlines() == [
        f"{path}: the cell split is empty in line 4; fill the whole column or leave it out.",
        f"{path}: the column split names no image of test; all three are needed.",
        f"{path}: the column split puts images of one record into several subsets (r); "
        "keep a record together, or leave the column out and a split is drawn.",
    ]


@pytest.mark.parametrize("content", [b"", b"image,place\n\xff\xfe,FR\n"])
def test_what_is_no_table_is_said_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    said = complaint(path)
    assert said.startswith(f"{path}: this is no table that can be read (")
    assert said.endswith("); save it as UTF-8 CSV.")
    assert "\n" not in said


def test_what_is_no_parquet(tmp_path: Path) -> None:
    path = tmp_path / "labels.parquet"
    path.write_text(GOOD, encoding="utf-8")
    assert complaint(path).startswith(f"{path}: this is no table that can be read (")
