"""Pictures of confusion matrices: the share of each true class (row) that is predicted as each class (column).

Of more classes than a person can read, the most frequent confusions: which class is taken for which, how often.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from silktune.outcome import ClassScores, Confusion, VariableScores
from silktune.study.figures import canvas

NUMBERS_UP_TO = 12  # classes: more do not leave room for a number in a cell
READABLE = 100  # classes: a matrix of more fills no page
CELLS = 100_000  # of all panels together: more take seconds and gigabytes
LEADING = 30  # the confusions that are shown where a matrix is not
PAGE = 7  # inches for all panels side by side
SMALL = 6  # pt
LETTERS = 60  # of a class's name, which longer ones are cut to

Pair = tuple[int, int]  # true class, predicted class


def picture(variable: VariableScores, path: Path) -> None:
    """Write the confusion matrix of one run's variable as a PNG or, by the path's suffix, a PDF."""
    with canvas.style():
        canvas.save(panels(variable.name, {"": variable.confusion}, variable.classes), path)


def panels(variable: str, counts: Mapping[str, Confusion | None], classes: Sequence[ClassScores]) -> Figure:
    """A panel for every matrix under its title; None is one that is not there yet.

    Args:
        variable: its name.
        counts: title → images by true and predicted class.
        classes: the K classes, with their numbers of images in the subset that the matrices are of.
    """
    K = len(classes)
    if K <= READABLE and K * K * len(counts) <= CELLS:
        return _matrices(variable, counts, classes)
    return _leading(variable, counts, classes)


def _matrices(variable: str, counts: Mapping[str, Confusion | None], classes: Sequence[ClassScores]) -> Figure:
    K = len(classes)
    side = max(1.2, K * (0.2 if K <= NUMBERS_UP_TO else 0.105))
    columns = max(int((PAGE + 0.2) / (side + 0.2)), math.isqrt(len(counts) // 2), 1)
    figure, axes = canvas.grid(list(counts), (side, side), columns=columns, gap=(0.2, 0.2))
    for panel, matrix in zip(axes, counts.values(), strict=True):
        _name_classes(panel, classes)
        if matrix is None:
            canvas.say_nothing(panel)
        else:
            _draw(panel, matrix.matrix())
    _colour_bar(figure, axes[min(columns, len(axes)) - 1])
    canvas.below(figure, f"predicted {variable}")
    canvas.beside(figure, f"true {variable} (test images)")
    return figure


def _name_classes(panel: Axes, classes: Sequence[ClassScores]) -> None:
    middles = np.arange(len(classes)) + 0.5
    panel.set(xlim=(0, len(classes)), ylim=(len(classes), 0))
    panel.set_xticks(middles, [_short(one.name) for one in classes], rotation="vertical", fontsize=SMALL)
    panel.set_yticks(middles, [f"{_short(one.name)} ({one.support:,})" for one in classes], fontsize=SMALL)
    panel.tick_params(length=0, pad=2)
    panel.spines[:].set(visible=True, color=canvas.FAINT)


def _draw(panel: Axes, counts: NDArray[np.int64]) -> None:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    panel.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1, edgecolors="white", linewidth=0.3)
    if len(shares) > NUMBERS_UP_TO:
        return
    for (row, column), share in np.ndenumerate(shares):
        text = f"{100 * share:.0f}" if counts[row, column] else ""
        colour = "white" if share > 0.55 else "black"
        panel.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=SMALL, color=colour)


def _colour_bar(figure: Figure, panel: Axes) -> None:
    """A scale at the right of the panel, as high as it."""
    width = panel.get_position().width * figure.get_figwidth()
    scale = panel.inset_axes((1 + 0.08 / width, 0, 0.08 / width, 1))
    figure.colorbar(ScalarMappable(Normalize(0, 100), "Blues"), cax=scale).outline.set_visible(False)
    scale.tick_params(labelsize=SMALL, length=0, pad=1)
    scale.set_ylabel("share of the true class [%]", fontsize=SMALL)


def _leading(variable: str, counts: Mapping[str, Confusion | None], classes: Sequence[ClassScores]) -> Figure:
    """The most frequent confusions of all matrices together, the same in every panel."""
    wrong = _wrong([matrix for matrix in counts.values() if matrix])
    pairs = sorted(wrong, key=lambda pair: (-wrong[pair], pair))[:LEADING]
    height = 0.14 * max(len(pairs), 4)
    figure, axes = canvas.grid(list(counts), (1.6, height), columns=max(4, math.isqrt(len(counts))), gap=(0.25, 0.25))
    most = max((count for matrix in counts.values() if matrix for count in _wrong([matrix]).values()), default=1)
    for panel, matrix in zip(axes, counts.values(), strict=True):
        _name_pairs(panel, pairs, classes)
        panel.set_xlim(0, 1.15 * most)
        panel.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        if matrix is None:
            canvas.say_nothing(panel)
        else:
            _bars(panel, pairs, matrix)
    of_runs = ", in all runs together" if any(counts) else ""
    canvas.below(figure, f"test images that are taken for another {variable}{of_runs}")
    shown = f"the {len(pairs)} most frequent of {len(wrong):,}" if pairs else "there are no"
    canvas.below(figure, f"{shown} confusions of {len(classes):,} classes")
    canvas.beside(figure, f"true {variable} (test images) → predicted {variable}")
    return figure


def _wrong(matrices: Sequence[Confusion]) -> Counter[Pair]:
    """How many images of a class are taken for which other one, in all matrices."""
    wrong: Counter[Pair] = Counter()
    for matrix in matrices:
        for true, predicted, count in matrix.counts:
            if true != predicted:
                wrong[true, predicted] += count
    return wrong


def _name_pairs(panel: Axes, pairs: Sequence[Pair], classes: Sequence[ClassScores]) -> None:
    names = [
        f"{_short(classes[true].name)} ({classes[true].support:,}) → {_short(classes[predicted].name)}"
        for true, predicted in pairs
    ]
    panel.set_ylim(max(len(pairs), 4) - 0.5, -0.5)
    panel.set_yticks(range(len(pairs)), names, fontsize=SMALL)
    panel.tick_params(axis="y", length=0)


def _bars(panel: Axes, pairs: Sequence[Pair], matrix: Confusion) -> None:
    counts = {(true, predicted): count for true, predicted, count in matrix.counts}
    lengths = [counts.get(pair, 0) for pair in pairs]
    panel.barh(range(len(pairs)), lengths, height=0.7, color=canvas.STRONG)
    for y, length in enumerate(lengths):
        panel.text(length, y, f" {length:,}", ha="left", va="center", fontsize=SMALL, color=canvas.WEAK)


def _short(name: str) -> str:
    return name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…"
