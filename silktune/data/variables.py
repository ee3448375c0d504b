"""A variable: its classes, and how its labels are written as numbers.

A cell of a label table holds a class, `background` (known, but of no class of interest) or nothing (unknown).
In memory a label is a number: classes are 0 … K_m − 1 in alphabetical order, background is K_m, unknown is
UNKNOWN.

Notation: N images, K_m classes of variable m.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from silktune.data.statistics import ClassStatistics, class_statistics

UNKNOWN = -1
BACKGROUND = "background"
SUBSETS = ("train", "validation", "test")


@dataclass(frozen=True)
class Variable:
    """A semantic variable: its classes in alphabetical order and their images in the whole data set."""

    name: str
    classes: tuple[str, ...]
    counts: tuple[int, ...]  # images per class
    background: int  # images whose label is background

    @classmethod
    def of(cls, name: str, cells: pd.Series[str]) -> Variable:
        """The variable that the cells of one column speak of."""
        found = Counter(cells)
        classes = tuple(sorted(found.keys() - {"", BACKGROUND}))
        return cls(name, classes, tuple(found[c] for c in classes), found[BACKGROUND])

    @property
    def K(self) -> int:
        return len(self.classes)

    @property
    def outputs(self) -> int:
        """Classes that a network tells apart: with background, where there is any."""
        return len(self.names)

    @property
    def background_id(self) -> int:
        """K_m, or -1 where no image is background."""
        return self.K if self.background else -1

    @property
    def names(self) -> tuple[str, ...]:
        """The name of every label id."""
        return (*self.classes, BACKGROUND) if self.background else self.classes

    @property
    def statistics(self) -> ClassStatistics:
        return class_statistics(self.counts)

    def encode(self, cells: pd.Series[str]) -> npt.NDArray[np.int64]:
        """The cells of a column as label ids, (N,); what is no class of this variable is unknown."""
        ids = {name: number for number, name in enumerate(self.names)}
        return cells.map(lambda cell: ids.get(cell, UNKNOWN)).to_numpy(np.int64)
