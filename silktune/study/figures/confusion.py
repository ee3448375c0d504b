"""Pictures of confusion matrices: the share of each true class (row) that is predicted as each class (column)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from silktune.outcome import ClassScores, VariableScores
from silktune.study.figures import canvas

NUMBERS_UP_TO = 12  # classes: more do not leave room for a number in a cell
PAGE = 7  # inches for all panels side by side
SMALL = 6  # pt


def picture(variable: VariableScores, path: Path) -> None:
    """Write the confusion matrix of one run's variable as a PNG or, by the path's suffix, a PDF."""
    with canvas.style():
        canvas.save(panels(variable.name, {"": np.array(variable.confusion)}, variable.classes), path)


def panels(variable: str, counts: Mapping[str, NDArray[np.int64] | None], classes: Sequence[ClassScores]) -> Figure:
    """A panel for every matrix under its title; None is one that is not there yet.

    Args:
        variable: its name.
        counts: title → (K, K) images, true class × predicted class.
        classes: the K classes, with their numbers of images in the subset that the matrices are of.
    """
    K = len(classes)
    side = max(1.2, K * (0.2 if K <= NUMBERS_UP_TO else 0.105))
    columns = max(int((PAGE + 0.2) / (side + 0.2)), math.isqrt(len(counts) // 2), 1)
    figure, axes = canvas.grid(list(counts), (side, side), columns=columns, gap=(0.2, 0.2))
    for panel, matrix in zip(axes, counts.values(), strict=True):
        _name_classes(panel, classes)
        if matrix is None:
            canvas.say_nothing(panel)
        else:
            _draw(panel, matrix)
    _colour_bar(figure, axes[min(columns, len(axes)) - 1])
    canvas.below(figure, f"predicted {variable}")
    canvas.beside(figure, f"true {variable} (test images)")
    return figure


def _name_classes(panel: Axes, classes: Sequence[ClassScores]) -> None:
    middles = np.arange(len(classes)) + 0.5
    panel.set(xlim=(0, len(classes)), ylim=(len(classes), 0))
    panel.set_xticks(middles, [one.name for one in classes], rotation="vertical", fontsize=SMALL)
    panel.set_yticks(middles, [f"{one.name} ({one.support:,})" for one in classes], fontsize=SMALL)
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
