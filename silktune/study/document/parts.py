"""What a document is made of: headings, paragraphs, lists, code, and tables as sheets of cells.

Texts are as a person wrote them, in any letters: what writes a document lets them stand as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    text: str
    bold: bool = False
    untested: bool = False  # in bold since no test can tell it from the best: the difference does not vary
    code: bool = False  # as a person would type it


@dataclass(frozen=True)
class Column:
    head: str
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Sheet:
    """One table: as many cells in every row as there are columns."""

    name: str  # stem of a file
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    labels: int = 1  # leading columns that name a row; the others hold numbers
    rules: tuple[int, ...] = ()  # a line is drawn above the rows with these numbers, counted from 0

    @classmethod
    def of(
        cls, name: str, title: str, columns: Sequence[Column], notes: Sequence[str],
        labels: int = 1, rules: Sequence[int] = (),
    ) -> Sheet:  # fmt: skip
        """The sheet with these columns."""
        rows = tuple(zip(*(column.cells for column in columns), strict=True))
        return cls(name, title, tuple(column.head for column in columns), rows, tuple(notes), labels, tuple(rules))

    @classmethod
    def of_texts(
        cls, name: str, title: str, head: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()
    ) -> Sheet:
        """The sheet with these rows."""
        return cls(name, title, tuple(head), tuple(tuple(map(Cell, row)) for row in rows), tuple(notes))


@dataclass(frozen=True)
class Heading:
    text: str
    level: int = 2  # 1: the document's


@dataclass(frozen=True)
class Code:
    """As a person would type it."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    parts: tuple[str | Code, ...]

    @classmethod
    def of(cls, *parts: str | Code) -> Paragraph:
        return cls(parts)


@dataclass(frozen=True)
class Bullets:
    texts: tuple[str, ...]


Part = Heading | Paragraph | Code | Bullets | Sheet
Document = Sequence[Part]


def section(title: str, *parts: Part) -> list[Part]:
    """Parts under a heading."""
    return [Heading(title), *parts]
