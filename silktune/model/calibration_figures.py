"""Pictures of how far probabilities can be trusted: reliability diagrams, and precision against coverage.

A panel for each variable, a line for each set of images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from silktune.model.calibration import Certainty, Ranked, reliability
from silktune.study.figures import canvas

SIDE = 1.5  # inches of a panel
COLUMNS = 4
Lines = Mapping[str, Certainty]  # name of a set of images → what is known of it
FULL = (0, 104)  # percent, with room for a line at 100


def write(of: Mapping[str, Lines], folder: Path) -> None:
    """reliability.png and coverage.png; each variable has the same lines."""
    with canvas.style():
        canvas.save(_reliability(of), folder / "reliability.png")
        canvas.save(_coverage(of), folder / "coverage.png")


def _reliability(of: Mapping[str, Lines]) -> Figure:
    """The share that is right of images of about the same probability; on the diagonal both are the same."""
    figure, panels = canvas.grid(list(of), (SIDE, SIDE), columns=COLUMNS, gap=(0.25, 0.25))
    for panel, lines in zip(panels, of.values(), strict=True):
        panel.plot([0, 100], [0, 100], color=canvas.FAINT)
        panel.set(xlim=FULL, ylim=FULL)
        for (confidence, correct, _), style in zip(lines.values(), _styles(lines), strict=True):
            bins = reliability(confidence, correct)
            panel.plot(
                [100 * one.confidence for one in bins], [100 * one.precision for one in bins], marker="o",
                markersize=2.5, color=style.get_color(),
            )  # fmt: skip
    canvas.below(figure, "probability of the most probable class [%]")
    canvas.below(figure, _styles(next(iter(of.values()))))
    canvas.beside(figure, "share that is right [%]")
    return figure


def _coverage(of: Mapping[str, Lines]) -> Figure:
    """The share that is right of the surest records, against how many of all these are."""
    figure, panels = canvas.grid(list(of), (SIDE, SIDE), columns=COLUMNS, gap=(0.25, 0.25))
    for panel, lines in zip(panels, of.values(), strict=True):
        panel.set(xlim=FULL)
        panel.grid(color=canvas.FAINT)
        for certainty, style in zip(lines.values(), _styles(lines), strict=True):
            ranked = Ranked.of(*certainty)
            panel.plot(100 * ranked.coverage, 100 * ranked.precision, color=style.get_color())
    canvas.below(figure, "coverage: share of the records, the surest first [%]")
    canvas.below(figure, _styles(next(iter(of.values()))))
    canvas.beside(figure, "share of them that is right [%]")
    return figure


def _styles(lines: Lines) -> Sequence[Line2D]:
    """An entry of the legend for each line; the last one is the strongest."""
    colours = (canvas.WEAK, canvas.COLOURS[1], canvas.STRONG)[-len(lines) :]
    return [Line2D([], [], color=colour, label=name) for name, colour in zip(lines, colours, strict=True)]
