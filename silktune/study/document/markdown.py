"""Text of any letters in Markdown (CommonMark with GitHub's tables): it is read as it was written.

Names of rows, variables and classes, questions and reasons are the user's; none of their letters may end a cell, begin
HTML or turn the rest of a line into italics. Lines and runs of spaces become one space, as Markdown has no others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from silktune.study.document.parts import Bullets, Cell, Code, Document, Heading, Paragraph, Part, Sheet

# _ is left alone inside a word and < before a number, where they mean nothing
INLINE = re.compile(r"[\\`*|~$]|(?<![^\W_])_|_(?![^\W_])|<(?=[A-Za-z/!?])|&(?=#?\w+;)|\](?=[(\[:])|(?<=\s)#+$")
BLOCK = re.compile(r"^(?:[-+](?=[\s-]|$)|#(?=#*(?:\s|$))|>|\d+(?=[.)]))")


def text(words: str) -> str:
    """In a cell or in the midst of a line."""
    return INLINE.sub(lambda sign: f"\\{sign[0]}", " ".join(words.split()))


def paragraph(words: str) -> str:
    """At the beginning of a line, where a number or a dash would begin a list."""
    return BLOCK.sub(lambda sign: f"{sign[0]}\\" if sign[0].isdigit() else f"\\{sign[0]}", text(words))


def code(words: str) -> str:
    """In the fixed letters of code, in one line outside of a table; nothing for nothing."""
    words = " ".join(words.split())
    if not words:
        return ""
    quote, space = "`" * _quotes(words, 1), " " * (words[0] == "`" or words[-1] == "`")
    return f"{quote}{space}{words}{space}{quote}"


def code_cell(words: str) -> str:
    """The same in a cell."""
    return code(words).replace("|", r"\|")


def block(words: str) -> list[str]:
    """Lines of code by themselves."""
    quote = "`" * _quotes(words, 3)
    return [quote, words, quote]


def table(heads: Sequence[str], rows: Iterable[Iterable[str]], labels: int) -> list[str]:
    """The lines of a table of cells that are Markdown; the columns after the `labels` first ones are flush right."""
    align = ["---"] * labels + ["---:"] * (len(heads) - labels)
    return [f"| {' | '.join(row)} |" for row in [heads, align, *rows]]


def _quotes(words: str, least: int) -> int:
    """How many backticks quote words that have some themselves."""
    return max([least, *(len(run) + 1 for run in re.findall("`+", words))])


def written(document: Document) -> str:
    """The whole document; parts without text leave nothing."""
    texts = (_part(part) for part in document)
    return "\n\n".join(text for text in texts if text) + "\n"


def _part(part: Part) -> str:
    match part:
        case Heading():
            return f"{'#' * part.level} {text(part.text)}"
        case Paragraph():
            return _spans(part.parts)
        case Code():
            return "\n".join(block(part.text))
        case Bullets():
            return "\n".join(f"- {paragraph(item)}" for item in part.texts)
        case Sheet():
            heads = [text(head) for head in part.columns]
            lines = table(heads, [map(_cell, row) for row in part.rows], part.labels)
            notes = paragraph(" ".join(part.notes))
            return "\n".join([*lines, "", notes] if notes else lines)


def _spans(parts: Sequence[str | Code]) -> str:
    """Text and code in one line; spaces between them are the text's."""
    spans = [code(part.text) if isinstance(part, Code) else _spaced(part, first=i == 0) for i, part in enumerate(parts)]
    return "".join(spans)


def _spaced(words: str, *, first: bool) -> str:
    inner = paragraph(words) if first else text(words)
    return " " * (words[:1].isspace() and not first) + inner + " " * (words[-1:].isspace() and bool(inner))


def _cell(cell: Cell) -> str:
    plain = code_cell(cell.text) if cell.code else text(cell.text)
    return f"**{plain}**" if cell.bold else plain
