"""Confusion matrices as documents and as pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from silktune.outcome import Scores, VariableScores
from silktune.safe_names import file_name
from silktune.study.figures.confusion_matrices import READABLE, picture


def document(scores: Scores) -> dict[str, Any]:
    """Per variable the classes and the counts: a row per true class, a column per predicted one.

    Of more classes than a person can read, the entries that are not 0: true class, predicted class, images.
    """
    return {variable.name: _document(variable) for variable in scores.variables}


def _document(variable: VariableScores) -> dict[str, Any]:
    names = [one.name for one in variable.classes]
    if len(names) <= READABLE:
        return {"classes": names, "true_by_predicted": variable.confusion.matrix().tolist()}
    entries = [[names[true], names[predicted], count] for true, predicted, count in variable.confusion.counts]
    return {"classes": names, "true_predicted_images": entries}


def pictures(scores: Scores, folder: Path) -> Iterator[Path]:
    """A PNG per variable in `folder`: the share of each true class (row) that is predicted as each class.

    Of very many classes, the most frequent confusions.
    """
    for variable in scores.variables:
        path = folder / f"{file_name(variable.name)}.png"
        picture(variable, path)
        yield path
