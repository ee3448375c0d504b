"""What the pictures of a study have in common: style, grids of panels, labels around them, files.

Panels have a fixed size and the figure grows around them, so that a long name is never cut and never shrinks a
panel. Lengths are in inches; text is 7 pt, which a two-column paper can print as it is.
"""

from __future__ import annotations

import math
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.lines import Line2D

DPI = 150
NAME_WIDTH = 40  # letters of a line's name before it wraps
# Okabe and Ito's colours, which the colour-blind tell apart, without the yellow that paper swallows.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STRONG, WEAK, FAINT = COLOURS[0], "0.45", "0.85"
# A "$" in a name is no mathematics. Type 42, since journals refuse matplotlib's usual Type 3 fonts.
_STYLE: Any = {
    "font.size": 7, "axes.titlesize": 7.5, "axes.linewidth": 0.6, "axes.axisbelow": True,
    "axes.spines.top": False, "axes.spines.right": False, "lines.linewidth": 1, "grid.color": FAINT,
    "grid.linewidth": 0.5, "xtick.major.width": 0.6, "ytick.major.width": 0.6, "xtick.major.size": 2.5,
    "ytick.major.size": 2.5, "lines.markersize": 4, "legend.frameon": False,
    "text.parse_math": False, "text.usetex": False, "pdf.fonttype": 42,
}  # fmt: skip
_EAST_ASIAN = ("Noto Sans CJK JP", "Noto Sans JP", "IPAexGothic", "Hiragino Sans", "Yu Gothic", "MS Gothic")
_METADATA: dict[str, dict[str, Any]] = {"png": {}, "pdf": {"CreationDate": None}}


@contextmanager
def style() -> Iterator[None]:
    """The style while figures are made and saved; whatever was set before is back afterwards."""
    installed = {font.name for font in fontManager.ttflist}
    fonts = ["DejaVu Sans", *(name for name in _EAST_ASIAN if name in installed)]
    with mpl.rc_context(_STYLE | {"font.family": fonts}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ ")  # a letter that no font here has is drawn as a box
        yield


def grid(
    titles: Sequence[str], size: tuple[float, float], *, columns: int, gap: tuple[float, float], share_x: bool = True
) -> tuple[Figure, list[Axes]]:
    """A figure of a panel per title, each `size` wide and high, at most `columns` side by side.

    Shared axes have their numbers only at the left of a row of panels and at the foot of a column.

    Args:
        titles: wrapped where they are wider than a panel.
        size: of a panel.
        columns: panels side by side at most.
        gap: between panels, beside the room for the titles.
        share_x: whether all panels have the same horizontal axis; they always have the same vertical one.
    """
    n = len(titles)
    columns = min(n, columns)
    rows = math.ceil(n / columns)
    (width, height), (gap_x, gap_y) = size, gap
    titles = [wrapped(title, int(15 * width)) for title in titles]
    gap_y += 0.12 * max(_lines(title) for title in titles)
    figure = Figure(figsize=(columns * (width + gap_x) - gap_x, rows * (height + gap_y) - gap_y), dpi=DPI)
    spacing = {"left": 0, "right": 1, "bottom": 0, "top": 1, "wspace": gap_x / width, "hspace": gap_y / height}
    made = figure.subplots(rows, columns, squeeze=False, sharex=share_x, sharey=True, gridspec_kw=spacing)
    panels: list[Axes] = list(made.flat)
    for surplus in panels[n:]:
        surplus.remove()
    for i, (panel, title) in enumerate(zip(panels, titles, strict=False)):
        panel.set_title(title, pad=3)
        panel.tick_params(labelleft=i % columns == 0, labelbottom=i + columns >= n or not share_x)
    return figure, panels[:n]


def name_lines(panel: Axes, names: Sequence[str], counts: Sequence[int]) -> None:
    """A horizontal line per name, the first on top, with the numbers of runs at the right; 0 runs are "–"."""
    panel.set_ylim(len(names) - 0.5, -0.5)
    panel.set_yticks(range(len(names)), [wrapped(name, NAME_WIDTH) for name in names])
    panel.tick_params(axis="y", length=0)
    panel.spines.left.set_visible(False)
    panel.grid(axis="y")
    for y, text in [(-0.75, "n"), *enumerate(str(count or "–") for count in counts)]:
        panel.text(1.03, y, text, transform=panel.get_yaxis_transform(), va="center", color=WEAK)


def lines_height(names: Sequence[str]) -> float:
    """The height of a panel with these names: each has the room of the one that wraps most."""
    return len(names) * (0.09 + 0.11 * max(_lines(wrapped(name, NAME_WIDTH)) for name in names))


def wrapped(text: str, width: int) -> str:
    """Broken into lines of at most so many letters."""
    return textwrap.fill(text, width)


def _lines(text: str) -> int:
    return text.count("\n") + 1


def say_nothing(panel: Axes) -> None:
    """The panel of something without a finished run: only its title stays."""
    panel.text(0.5, 0.8, "no finished run", transform=panel.transAxes, ha="center", va="center", color=WEAK)


def below(figure: Figure, what: str | Sequence[Line2D]) -> None:
    """A label, or a legend, centred under all that is there so far."""
    y = figure.get_tightbbox().y0 / figure.get_figheight()
    room = 0.06 / figure.get_figheight()
    if isinstance(what, str):
        figure.text(0.5, y - room, wrapped(what, 80), ha="center", va="top")
    else:
        length = sum(0.3 + 0.055 * len(str(key.get_label())) for key in what)
        columns = math.ceil(len(what) / math.ceil(length / max(figure.get_figwidth(), 3.3)))
        figure.legend(
            handles=list(what), ncols=columns, loc="upper center", bbox_to_anchor=(0.5, y), borderpad=0.4,
            handlelength=1.2, handletextpad=0.4, columnspacing=1.2,
        )  # fmt: skip


def beside(figure: Figure, text: str) -> None:
    """A label at the left of all that is there so far."""
    x = figure.get_tightbbox().x0 / figure.get_figwidth()
    figure.text(x - 0.06 / figure.get_figwidth(), 0.5, wrapped(text, 50), rotation=90, ha="right", va="center")


def save(figure: Figure, path: Path) -> Path:
    """Write a picture, PNG or PDF by the path's suffix, whole or not at all; the same figure gives the same bytes."""
    kind: Literal["png", "pdf"] = "pdf" if path.suffix == ".pdf" else "png"
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    figure.savefig(part, format=kind, dpi=DPI, bbox_inches="tight", pad_inches=0.04, metadata=_METADATA[kind])
    part.replace(path)
    return path
