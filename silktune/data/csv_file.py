"""A table written as text: cells between commas, semicolons, tabs or bars.

Nothing that could move or swallow a cell is guessed: a quote that stays open and a row of another length are
refused, with the line of the file that they are on.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from silktune.data import text_normalisation
from silktune.data.label_checks import COUNTS, KEYS, at
from silktune.errors import DataError

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_NEAR = 100_000  # characters; csv reads no larger cell


@dataclass(frozen=True)
class _Rows:
    """The rows of a file in which anything stands, and the line that each begins on."""

    lines: list[int]
    cells: list[list[str]]


def read(path: Path, data: bytes) -> pd.DataFrame:
    """The rows below the headings as they are written; the index is the line a row begins on.

    Raises:
        DataError: it is not UTF-8, a quote stays open, or rows have another length than the headings.
        ValueError: there is nothing in it.
    """
    text = _decoded(data)
    separator = _separator(text)
    rows = _rows(path, text, separator)
    if rows.cells and rows.cells[0][0] == "sep=":  # Excel's word for the separator
        rows = _Rows(rows.lines[1:], rows.cells[1:])
    if not rows.cells:
        raise ValueError("it is empty")
    return _frame(path, rows, separator)


def _decoded(data: bytes) -> str:
    """Raises: ValueError, which names the first line that is not UTF-8."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:2]:
        raise ValueError("it is UTF-16")
    if data.startswith(b"PK\x03\x04"):
        raise ValueError("it is a spreadsheet or a zip archive")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        line, start = before.count(b"\n") + 1, before.rpartition(b"\n")[2][-20:].decode("utf-8", "ignore")
        start = "".join(filter(str.isprintable, start))
        raise ValueError(f"line {line}: the byte 0x{data[error.start]:02X} after '{start}' is not UTF-8") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _lenient(text: str, separator: str) -> Iterator[list[str]]:
    """The rows of a text, whatever its quotes."""
    return csv.reader(io.StringIO(text), delimiter=separator, skipinitialspace=True)


def _separator(text: str) -> str:
    """What stands between the headings: the known ones tell, then how many there are."""
    if text.startswith("sep=") and text[4:5] in SEPARATORS:
        return text[4]

    def headings(separator: str) -> tuple[int, int]:
        rows = _lenient(text[:_NEAR], separator)
        heading = next((row for row in rows if "".join(row).strip()), [])
        return len({text_normalisation.letters(cell) for cell in heading} & {*KEYS, *COUNTS}), len(heading)

    return max(SEPARATORS, key=headings)


def _rows(path: Path, text: str, separator: str) -> _Rows:
    rows, swallowing, begin = _Rows([], []), list[int](), 1
    reader = csv.reader(io.StringIO(text), delimiter=separator, skipinitialspace=True, strict=True)
    try:
        for row in reader:
            if reader.line_num > begin:
                swallowing += _swallowing(row, begin, separator)
            if "".join(row).strip():
                rows.lines.append(begin)
                rows.cells.append(row)
            begin = reader.line_num + 1
    except csv.Error as error:
        swallowing.append(_open_quote(text, begin, reader.line_num, separator))
        if "field larger" in str(error):
            limit = f"a cell of more than {csv.field_size_limit():,} characters begins here; is its quote not closed?"
            raise DataError(f"{path}: {at(swallowing[-1:])}: {limit}") from error
        raise DataError(_about_quotes(path, swallowing, separator)) from error
    if swallowing:
        raise DataError(_about_quotes(path, swallowing, separator))
    return rows


def _swallowing(row: Sequence[str], line: int, separator: str) -> Iterator[int]:
    """The lines where a quote opens that holds a line break and separators: it holds whole cells, or parts of rows."""
    for cell in row:
        if "\n" in cell and separator in cell:
            yield line
        line += cell.count("\n")


def _open_quote(text: str, begin: int, failed: int, separator: str) -> int:
    """The line where the quote opens that made reading fail, in a row from line `begin` to line `failed`."""
    rest = io.StringIO(text)
    for _ in range(begin - 1):
        rest.readline()
    row = next(_lenient(rest.read(_NEAR), separator), [])
    for cell in row[:-1]:
        if begin + cell.count("\n") >= failed:
            break
        begin += cell.count("\n")
    return begin


def _about_quotes(path: Path, lines: Sequence[int], separator: str) -> str:
    return (
        f"{path}: {at(lines)}: a quote that opens here is not closed at the end of its cell, "
        f"or its cell holds a line break and a {SEPARATORS[separator]}, so that it would swallow other cells. "
        'Close the quote, write a quote within a cell twice (""), and a line break in a cell as a space.'
    )


def _frame(path: Path, rows: _Rows, separator: str) -> pd.DataFrame:
    heading, *cells = rows.cells
    names = [text_normalisation.normalised(name) for name in heading]
    width = max((number for number, name in enumerate(names, 1) if name), default=0)
    if not _are_padded(cells, width):
        width = len(names)
        if complaints := list(_about_lengths(path, rows, separator)):
            raise DataError.of(complaints)
    lines = pd.Index(rows.lines[1:], name="line")
    raw = pd.DataFrame([row[:width] for row in cells], lines, pd.RangeIndex(width), dtype=object)
    if complaints := list(_about_unnamed(path, raw, names)):
        raise DataError.of(complaints)
    named = [number for number in range(width) if names[number]]
    return raw[named].set_axis(pd.Index([names[number] for number in named]), axis=1)


def _are_padded(rows: Sequence[Sequence[str]], width: int) -> bool:
    """Whether all rows are equally long and empty beyond `width`: many programs end every line with separators."""
    lengths = {len(row) for row in rows}
    return len(lengths) == 1 and min(lengths) >= width and not any("".join(row[width:]).strip() for row in rows)


def _about_lengths(path: Path, rows: _Rows, separator: str) -> Iterator[str]:
    width = len(rows.cells[0])
    lines: dict[int, list[int]] = {}
    for line, row in zip(rows.lines, rows.cells, strict=True):
        lines.setdefault(len(row), []).append(line)
    name = SEPARATORS[separator]
    for length, where in lines.items():
        if length != width:
            counts = f"{length} cell{'s' * (length != 1)}, but {width} heading{'s' * (width != 1)}"
            yield (
                f"{path}: {at(where)}: {counts}, so that it is not known which cell is whose. Every line has a {name} "
                f"between two cells, also around an empty one; a cell that holds a {name} is in double quotes "
                f'("a{separator} b").'
            )


def _about_unnamed(path: Path, raw: pd.DataFrame, names: Sequence[str]) -> Iterator[str]:
    """A column without a name holds nothing, or it is the first and numbers the rows."""
    for number, name in enumerate(names[: raw.shape[1]]):
        cells = raw[number].map(str.strip)
        filled = cells[cells != ""]
        if name or filled.empty or (number == 0 and filled.map(str.isdecimal).all()):
            continue
        yield (
            f"{path}: column {number + 1} has no heading, but a cell of it is filled in {at(filled.index.tolist())}. "
            "Give it a name, or delete it."
        )
