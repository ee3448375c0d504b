"""Confusion matrices as documents and as pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from silktune.outcome import Scores, VariableScores
from silktune.tracking.names import safe

VALUES_UP_TO = 12  # classes: more do not leave room for a number in a cell


def document(scores: Scores) -> dict[str, Any]:
    """Per variable the classes and the counts: a row per true class, a column per predicted one."""
    return {
        variable.name: {
            "classes": [one.name for one in variable.classes],
            "true_by_predicted": [list(row) for row in variable.confusion],
        }
        for variable in scores.variables
    }


def pictures(scores: Scores, folder: Path) -> Iterator[Path]:
    """A PNG per variable in `folder`: the share of each true class (row) that is predicted as each class."""
    for variable in scores.variables:
        path = folder / f"{safe(variable.name)}.png"
        _picture(variable).savefig(path, dpi=120, bbox_inches="tight")
        yield path


def _picture(variable: VariableScores) -> Any:
    from matplotlib.figure import Figure
    from sklearn.metrics import ConfusionMatrixDisplay

    counts = np.array(variable.confusion, float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    classes = [f"{one.name} ({one.support})" for one in variable.classes]
    side = max(3.5, 0.45 * len(classes) + 1.5)
    figure = Figure(figsize=(side, side))
    axes = figure.subplots()
    display = ConfusionMatrixDisplay(shares, display_labels=classes)
    display.plot(
        ax=axes, cmap="Blues", colorbar=False, xticks_rotation="vertical", values_format=".2f",
        include_values=len(classes) <= VALUES_UP_TO, im_kw={"vmin": 0, "vmax": 1},
    )  # fmt: skip
    axes.set_title(f"{variable.name}: share of the images of a class")
    axes.set_xticklabels([one.name for one in variable.classes])
    return figure
