"""Tables as text: separators, quotes, lengths of rows, encodings, and the lines that are said."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from silktune.data import label_table, text_normalisation
from silktune.data.describe import describe
from silktune.errors import DataError
from silktune.settings import Data

Write = Callable[..., Path]
HEADING = "image,record,place,time,technique"
ROWS = [f"{i:03d}.jpg,r{i},{('FR', 'GB')[i % 2]},{('old', 'new', '')[i % 3]},damask" for i in range(120)]


def complaint(path: Path, *variables: str) -> str:
    with pytest.raises(DataError) as caught:
        label_table.read(path, variables)
    return str(caught.value)


def rows(path: Path, *variables: str) -> list[list[str]]:
    return label_table.read(path, variables).cells.drop(columns=["record", "split"]).to_numpy().tolist()


def with_lines(*changes: tuple[int, str, str]) -> str:
    """The table of 120 rows, text replaced on some lines of the file."""
    lines = [HEADING, *ROWS]
    for line, old, new in changes:
        assert old in lines[line - 1]
        lines[line - 1] = lines[line - 1].replace(old, new)
    return "\n".join(lines) + "\n"


OPEN = "a quote that opens here is not closed"


def test_a_quote_that_closes_twenty_lines_later_swallows_nothing(table: Write) -> None:
    path = table(with_lines((11, "damask", '"damask'), (31, "damask", 'silk"')))
    assert complaint(path) == (
        f"{path}: line 11: {OPEN} at the end of its cell, or its cell holds a line break and a comma, so that it "
        'would swallow other cells. Close the quote, write a quote within a cell twice (""), and a line break in a '
        "cell as a space."
    )


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ([(11, "damask", '"damask')], 11),  # never closed
        ([(121, "damask", '"damask')], 121),
        ([(1, "time", '"time')], 1),
        ([(11, "009.jpg", '"009.jpg'), (12, "010.jpg", '010.jpg"')], 11),  # closed in the next line
        ([(11, "damask", '"dam,"ask')], 11),  # closed too soon
        ([(11, "damask", '"damask'), (12, "010.jpg", '"010.jpg"')], 11),
        ([(11, "damask", '"18th\ncentury"'), (31, "damask", '"damask')], 32),  # an honest line break before
    ],
)
def test_the_line_where_a_quote_opens_that_is_not_closed(
    table: Write, changes: list[tuple[int, str, str]], line: int
) -> None:
    path = table(with_lines(*changes))
    assert complaint(path).startswith(f"{path}: line {line}: {OPEN}")


def test_all_quotes_that_swallow_are_said_at_once(table: Write) -> None:
    path = table(with_lines((11, "damask", '"damask'), (13, "damask", 'silk"'), (21, "GB", '"GB'), (22, "FR", 'FR"')))
    assert complaint(path).startswith(f"{path}: lines 11, 21: {OPEN}")


def test_a_swallowing_cell_longer_than_csv_reads(table: Write) -> None:
    many = "".join(f"{i:06d}.jpg,r{i},FR,old,damask\n" for i in range(9000))
    path = table(with_lines((11, "damask", '"damask')) + many)
    said = "a cell of more than 131,072 characters begins here; is its quote not closed?"
    assert complaint(path) == f"{path}: line 11: {said}"
    path = table("image,v\na,x\nb," + "y" * 200_000 + "\nc,z\n")
    assert complaint(path) == f"{path}: line 3: {said}"


def test_a_line_break_in_a_cell_is_a_space_and_the_lines_after_it_are_those_of_the_file(table: Write) -> None:
    path = table('image,v\na,"18th\ncentury"\nb,y\n\n,y\n')
    assert complaint(path) == f"{path}: the cell image is empty in line 6; write a file name or delete the row."
    assert rows(table('image,v\na,"18th\r\ncentury"\nb,y\n'))[0] == ["a", "18th century"]


@pytest.mark.parametrize("separator", [", ", ",", ";", " ; ", "\t", "|", " | "])
def test_cells_in_quotes_with_spaces_before_them(table: Write, separator: str) -> None:
    lines = [["image", "place", "time"], ["a", "GB, UK; |", ""], ["b", "", "old"], ["c", "FR", "new"]]
    if separator.endswith(" ") and separator != ", ":
        separator = separator.lstrip()  # a space after a closing quote is said, below
    path = table("\n".join(separator.join(f'"{cell}"' for cell in line) for line in lines))
    assert rows(path) == [["a", "GB, UK; |", ""], ["b", "", "old"], ["c", "FR", "new"]]


def test_text_after_a_closing_quote_is_said(table: Write) -> None:
    path = table('image,v\na,"x" ,\nb,"y"\n')
    assert complaint(path).startswith(f"{path}: line 2: {OPEN}")


@pytest.mark.parametrize("marks", ["''", "“”", "„“", "«»", "‘’", "``"])
@pytest.mark.parametrize("before", ["", " ", "\t"])
def test_quotation_marks_that_csv_does_not_know_are_no_part_of_a_class(table: Write, marks: str, before: str) -> None:
    def quoted(cell: str) -> str:
        return before + marks[0] + cell + marks[1]

    path = table(f"image,v\na,{quoted('x')}\nb,{quoted('')}\nc,y\n")
    assert complaint(path) == (
        f"{path}: lines 2, 3: the cell v is in quotation marks, {quoted('x').strip()}, that would belong to its text; "
        "only plain double quotes directly around a cell are taken off. Write it without them."
    )


def test_quotes_behind_a_tab_or_quoted_twice(table: Write) -> None:
    for cell in ('\t""', '""""""'):
        assert "line 3: the cell v is in quotation marks" in complaint(table(f"image,v\na,x\nb,{cell}\nc,y\n"))
    path = table("image,'v'\na,x\nb,y\n")
    assert complaint(path) == (
        f"{path}: the heading 'v' is in quotation marks that are not plain double quotes; leave them out."
    )


def test_apostrophes_and_inches_stay(table: Write) -> None:
    path = table("image,v\na,'s-Hertogenbosch\nb,5\" wide\nc,L'Aquila\n")
    assert [row[1] for row in rows(path)] == ["'s-Hertogenbosch", '5" wide', "L'Aquila"]


def test_a_row_of_another_length_is_said_with_both_counts(table: Write) -> None:
    path = table(with_lines((6, "r4,", ""), (9, "r7,", ""), (12, "damask", "damask,")))
    assert complaint(path).splitlines() == [
        f"{path}: {where}: {count} cells, but 5 headings, so that it is not known which cell is whose. "
        "Every line has a comma between two cells, also around an empty one; a cell that holds a comma is in double "
        'quotes ("a, b").'
        for where, count in (("lines 6, 9", 4), ("line 12", 6))
    ]


@pytest.mark.parametrize("heading", [HEADING, HEADING + ",", HEADING + ",,"])
@pytest.mark.parametrize("end", ["", ",", ",,"])
def test_a_separator_at_the_end_of_every_line(table: Write, heading: str, end: str) -> None:
    found = label_table.read(table("\n".join([heading, *(row + end for row in ROWS)])), ("place", "time"))
    assert len(found.cells) == 120
    assert found.cells.equals(label_table.read(table(with_lines()), ("place", "time")).cells)


def test_a_separator_at_the_end_of_some_lines_may_be_a_shift(table: Write) -> None:
    path = table(with_lines((6, "r4,", "r4,,")))
    assert "line 6: 6 cells, but 5 headings" in complaint(path)


def test_separators_of_another_kind_at_the_end_of_every_line(table: Write) -> None:
    path = table("image,v;;;\na,x;;;\nb,;;;\n")
    assert complaint(path) == (
        f"{path}: the heading v;;; ends with a separator, but not the file's own; save it with one kind."
    )


def test_a_column_without_a_heading_is_not_dropped_when_it_holds_labels(table: Write) -> None:
    path = table("image,v,,\na,x,red,\nb,y,,\n")
    assert complaint(path) == (
        f"{path}: column 3 has no heading, but a cell of it is filled in line 2. Give it a name, or delete it."
    )
    assert "column 1 has no heading, but a cell of it is filled in lines 2, 3" in complaint(
        table(",v\na.jpg,x\nb.jpg,y\n")
    )
    assert rows(table(",image,v\n0,a,x\n1,b,y\n")) == [["a", "x"], ["b", "y"]]


@pytest.mark.parametrize("before", ["\n", "\n\n", "  \n", ",,\n", "\r\n", "\ufeff\n"])
def test_blank_lines_before_the_headings(table: Write, before: str) -> None:
    path = table(before + "image,v,w\na,x,1\nb,y,2\n,x,1\n")
    assert f"in line {4 + len(before.splitlines())};" in complaint(path)


@pytest.mark.parametrize(
    "text",
    [
        "image;place, country, city, town;w\na;x, y;1\nb;z;2\n",
        "image|place, country; city|w\na|x, y|1\nb|z|2\n",
        "place, country, town;image;w\nx, y;a;1\nz;b;2\n",
        "image\tplace, country, city\tw\na\tx, y\t1\nb\tz\t2\n",
        'image,"place; country; city; town",w\na,"x, y",1\nb,z,2\n',
        "sep=;\nimage;place;w\na;x, y;1\nb;z;2\n",
    ],
)
def test_the_headings_that_are_known_tell_the_separator(table: Write, text: str) -> None:
    found = label_table.read(table(text)).cells
    assert found.iloc[:, 3:].to_numpy().tolist() in ([["x, y", "1"], ["z", "2"]],)


def test_a_heading_may_span_lines(table: Write) -> None:
    found = label_table.read(table('image,"place of\norigin"\na,x\nb,y\n'))
    assert found.variables == ("place of origin",)
    assert found.cells.index.tolist() == [3, 4]


@pytest.mark.parametrize("name", ["l.csv.gz", "l.CSV.GZ", "l.tsv.gz", "labels.csv", "l.txt", "l.TSV"])
def test_the_name_of_a_file_decides_nothing_that_its_content_says(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    data = b"image\tv\na\tx\nb\ty\n"
    path.write_bytes(gzip.compress(data, mtime=0) if name.lower().endswith("gz") else data)
    assert rows(path) == [["a", "x"], ["b", "y"]]


def test_the_name_of_a_compressed_table(tmp_path: Path) -> None:
    for name, expected in (("labels.csv.gz", tmp_path.name), ("silk.csv.gz", "silk")):
        (tmp_path / name).write_bytes(gzip.compress(b"image,v\na,x\nb,y\n", mtime=0))
        assert label_table.read(tmp_path / name).name == expected


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (b"\n\n", "it is empty"),
        (b"image,v\na,x\nb,Orl\xe9ans\n", "line 3: the byte 0xE9 after 'b,Orl' is not UTF-8"),
        (b"image,v\r\na,x\r\nb,\x93y\x94\r\n", "line 3: the byte 0x93 after 'b,' is not UTF-8"),
        (b"image,v\ra,x\rb,Orl\xe9ans\r", "line 3: the byte 0xE9 after 'b,Orl' is not UTF-8"),
        ("image,v\na,x\nb,y\n".encode("utf-16"), "it is UTF-16"),
        ("image,v\na,x\nb,y\n".encode("utf-16-be"), "it is UTF-16"),
        ("image,v\na,x\nb,y\n".encode("utf-16-le"), "it is UTF-16"),
        (b"PK\x03\x04\x14\x00", "it is a spreadsheet or a zip archive"),
        (gzip.compress(b"image,v\na,x\n" * 99, mtime=0)[:-20], "Compressed file ended"),
        (b"\x1f\x8b not so", ""),
    ],
)
def test_what_cannot_be_read_is_said_in_one_sentence(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(data)
    said = complaint(path)
    assert "\n" not in said
    if reason:
        assert said.startswith(f"{path}: this is no table that can be read ({reason}")
        assert said.endswith("); save it as UTF-8 CSV.")


@pytest.mark.parametrize("code", ["0000", "0001", "0007", "000B", "000C", "001B", "001E", "007F", "0085", "0093"])
@pytest.mark.parametrize("column", ["image", "record", "v"])
def test_a_control_character_is_said_with_its_line(table: Write, code: str, column: str) -> None:
    cells = {"image": "b.jpg", "record": "r1", "v": "y"}
    cells[column] += chr(int(code, 16)) + "z"
    path = table("image,record,v\na.jpg,r0,x\n" + ",".join(cells.values()) + "\n")
    assert complaint(path) == f"{path}: line 3: the cell {column} holds the control character U+{code}; delete it."


def test_a_control_character_in_a_heading_is_said(table: Write) -> None:
    path = table("image,v\x00w\na,x\nb,y\n")
    assert "the heading of column 2 holds the control character U+0000; delete it." in complaint(path)


def test_counts_are_read_with_the_same_care(table: Write) -> None:
    path = table('variable;class, or "none";count\nplace;FR;1\n')
    heading = "variable,class,count\n"
    for text, said in (
        (heading + 'place,"FR,7\nplace,GB,4\n', "line 2: a quote that opens here is not closed"),
        (heading + "place,FR,7\nplace,GB\n", "line 3: 2 cells, but 3 headings"),
        (heading + "place,'FR',7\n", "line 2: the cell class is in quotation marks"),
        (heading + "place,F\x00R,7\n", "line 2: the cell class holds the control character U+0000"),
        (heading + "place,FR,7\nplace,FR\u200b,4\n", "line 3: place FR: this class was counted above"),
        ("Variable,class,count\nplace,FR,7\n", "the column Variable: did you mean variable?"),
    ):
        path = table(text, "counts.csv")
        with pytest.raises(DataError) as caught:
            describe(path, Data())
        assert str(caught.value).startswith(f"{path}: {said}")
    found = describe(table("\nvariable;class;count;\nplace;FR;7;\nplace;GB;4;\n", "counts.csv"), Data())
    assert [(v.name, v.classes, v.counts) for v in found.variables] == [("place", ("FR", "GB"), (7, 4))]


CELL = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=5)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(CELL, CELL), min_size=4, max_size=9), st.sampled_from(",;\t|"), st.booleans())
def test_what_is_written_as_csv_is_read_or_refused_but_never_moved(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]], separator: str, quoted: bool
) -> None:
    """Whatever a cell holds, the table read has the rows that were written, in their columns, or is refused."""
    path = tmp_path_factory.mktemp("any") / "labels.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=separator, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL)
        writer.writerows([("image", "v", "w"), *((f"{i}.jpg", *row) for i, row in enumerate(cells))])
    try:
        found = label_table.read(path).cells
    except DataError:
        return
    assert found["image"].tolist() == [f"{i}.jpg" for i in range(len(cells))]
    for column, name in enumerate(("v", "w")):
        for was, now in zip(cells, found[name], strict=True):
            assert now == text_normalisation.normalised(was[column])
