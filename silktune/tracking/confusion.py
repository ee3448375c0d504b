"""Confusion matrices as documents and as pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from silktune.naming import distinct
from silktune.outcome import Scores
from silktune.study.figures.confusion import picture
from silktune.tracking.names import file_stem


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
    stems = distinct({variable.name: variable.name for variable in scores.variables})
    for variable in scores.variables:
        path = folder / f"{file_stem(stems[variable.name])}.png"
        picture(variable, path)
        yield path
