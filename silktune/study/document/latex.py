"""A sheet as a LaTeX table in the style of booktabs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from silktune.study.document.parts import Cell, Sheet

PAPER = "paper"  # the head of a column that keeps close to its left: what a paper prints beside our metric

SIGNS = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "*": "$^{*}$", "|": "$|$", "<": "$<$", ">": "$>$",
    "±": r"$\pm$", "≥": r"$\geq$", "†": r"$\dagger$", "–": "--", "−": "$-$", "…": r"\ldots{}",
    "`": r"\textasciigrave{}", "--": "-{}-",
}  # fmt: skip
RAISED = re.compile(r"\^([A-Za-z0-9]+)|" + "|".join(map(re.escape, SIGNS)))
SIZES = {90: (r"\small", 4), 105: (r"\footnotesize", 4)}  # up to so many characters in a row: letters, column gap [pt]
WIDEST = (r"\scriptsize", 2)
LAST_LATIN = "\u024f"  # of the letters that pdfLaTeX knows
QUOTES = "‘’‚“”„‹›•€™‰—"  # that it knows beside them


def escape(text: str) -> str:
    """Text that LaTeX prints as it is, but for MTL^fo, whose index is raised; lines become one."""
    return RAISED.sub(lambda sign: rf"$^{{\mathrm{{{sign[1]}}}}}$" if sign[1] else SIGNS[sign[0]], _one_line(text))


def foreign(text: str) -> str:
    """The letters and signs that pdfLaTeX cannot print, each once."""
    return "".join(sorted({letter for letter in text if letter > LAST_LATIN and letter not in QUOTES}))


def environment(sheet: Sheet, caption: str, label: str) -> str:
    """A `table` with a caption above and the notes below; the paper's figures keep close to ours on their left."""
    align = "".join("l" if i < sheet.labels or head == PAPER else "r" for i, head in enumerate(sheet.columns))
    size, gap = _size(sheet)
    lines = [r"\begin{table}", r"  \centering", f"  {size}", f"  \\setlength{{\\tabcolsep}}{{{gap}pt}}"]
    lines += [f"  \\caption{{{escape(caption)}}}", f"  \\label{{{_label(label)}}}", r"  \smallskip"]
    lines += [f"  \\begin{{tabular}}{{{align}}}", r"    \toprule", *map(_row, _head(sheet)), r"    \midrule"]
    for number, row in enumerate(sheet.rows):
        lines += [r"    \midrule"] * (number in sheet.rules) + [_row(row)]
    lines += [r"    \bottomrule", r"  \end{tabular}"]
    notes = escape(" ".join(sheet.notes))
    lines += [f"  \\par\\smallskip{{\\footnotesize\\raggedright {notes}\\par}}"] if notes else []
    return "\n".join([*lines, r"\end{table}", ""])


def _row(cells: Sequence[Cell]) -> str:
    texts = [rf"\textbf{{{escape(cell.text)}}}" if cell.bold else escape(cell.text) for cell in cells]
    shield = "{}" if texts[0].startswith("[") else ""  # or \\ before it would take it for its argument
    return f"    {shield}{' & '.join(texts)} \\\\"


def _head(sheet: Sheet) -> list[list[Cell]]:
    """The heads in one row, or in two where a head is longer than what stands below it."""
    halves = [_halves(head, width) for head, width in zip(sheet.columns, _widths(sheet), strict=True)]
    rows = [[Cell(half[i]) for half in halves] for i in (0, 1)]
    return rows if any(cell.text for cell in rows[0]) else rows[1:]


def _halves(head: str, width: int) -> tuple[str, str]:
    """A head in two lines, broken where the longer of them is shortest."""
    gaps = [gap.start() for gap in re.finditer(" ", head)]
    if len(head) <= width or not gaps:
        return "", head
    gap = min(gaps, key=lambda gap: max(gap, len(head) - gap - 1))
    return head[:gap], head[gap + 1 :]


def _widths(sheet: Sheet) -> list[int]:
    """The most characters of a cell in each column."""
    return [max((len(row[i].text) for row in sheet.rows), default=0) for i in range(len(sheet.columns))]


def _size(sheet: Sheet) -> tuple[str, int]:
    """Letters and gaps with which the widest row fits on a page of A4; what is wider still gets the smallest."""
    heads = [max(map(len, _halves(head, width))) for head, width in zip(sheet.columns, _widths(sheet), strict=True)]
    width = sum(2 + max(pair) for pair in zip(heads, _widths(sheet), strict=True))
    return next((size for most, size in SIZES.items() if width <= most), WIDEST)


def _label(text: str) -> str:
    return re.sub(r"[^\w:.-]+|_", "-", text)


def _one_line(text: str) -> str:
    return " ".join(text.split())
