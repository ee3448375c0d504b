"""How good predictions are: F1 and overall accuracy (P23 §5.1, P22 §5.1), counted image by image.

N images of a subset; M variables
K classes of interest of a variable, ids 0 … K − 1; background, where a variable has any, is the class K
label −1 is unknown: the image says nothing about this variable
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_fscore_support

from silktune.data.labels import BACKGROUND
from silktune.data.statistics import class_statistics
from silktune.errors import DataError
from silktune.outcome import ClassScores, Confusion, Scores, VariableScores


class Variable(Protocol):
    """What scoring needs to know of a variable."""

    @property
    def name(self) -> str: ...

    @property
    def classes(self) -> tuple[str, ...]:
        """The K classes of interest."""

    @property
    def counts(self) -> tuple[int, ...]:
        """Images of each of the K classes in the whole data set."""

    @property
    def background(self) -> int:
        """Background labels in the whole data set; with one or more, background is the class K."""


def scores(labels: NDArray[np.int64], predictions: NDArray[np.int64], variables: Sequence[Variable]) -> Scores:
    """F1 and OA of every variable and their means over the variables.

    All images with a known label count, background included, both as truth and as prediction. A class without
    a labelled image here has no figures and is left out of means, as is a variable without any.

    Paper: P23 §5.1, P22 §5.1.
    Differs: both of the readings under which P23's Tables 5 and 6 can be reproduced are computed: with
        background as a class, and without.

    Args:
        labels: (N, M), −1 is unknown.
        predictions: (N, M), the class with the largest softmax, which may be background.
        variables: the M variables.

    Raises:
        DataError: no image has a label of a class of interest.
    """
    each = tuple(_variable(labels[:, m], predictions[:, m], v) for m, v in enumerate(variables))
    mean_f1, with_background = _mean(v.f1 for v in each), _mean(v.f1_with_background for v in each)
    accuracy = _mean(v.OA for v in each)
    if mean_f1 is None or with_background is None or accuracy is None:
        names = ", ".join(variable.name for variable in variables)
        raise DataError(
            f"None of the {len(labels)} images has a label of a class of interest for {names}: nothing to "
            f"score. Every class needs images in the training, the validation and the test set."
        )
    return Scores(
        mean_f1=mean_f1,
        mean_f1_with_background=with_background,
        mean_f1_minority=_mean(v.f1_minority for v in each),
        OA=accuracy,
        variables=each,
    )


def _variable(truth: NDArray[np.int64], predicted: NDArray[np.int64], variable: Variable) -> VariableScores:
    known = truth >= 0
    truth, predicted = truth[known], predicted[known]
    K = len(variable.classes)
    classes = _classes(truth, predicted, variable)
    return VariableScores(
        name=variable.name,
        f1=_mean(c.f1 for c in classes[:K]),
        f1_with_background=_mean(c.f1 for c in classes),
        f1_minority=_mean(c.f1 for c in classes[:K] if c.minority),
        OA=float((truth == predicted).mean()) if len(truth) else None,
        labelled=len(truth),
        classes=classes,
        confusion=Confusion.count(len(classes), zip(truth.tolist(), predicted.tolist(), strict=True)),
    )


def _classes(truth: NDArray[np.int64], predicted: NDArray[np.int64], variable: Variable) -> tuple[ClassScores, ...]:
    background = variable.background > 0
    names = [*variable.classes, *([BACKGROUND] if background else [])]
    is_minority = [*class_statistics(variable.counts).minority_mask, *([False] if background else [])]
    if len(truth) == 0:
        figures = [(0.0, 0.0, 0.0, 0)] * len(names)
    else:
        columns = precision_recall_fscore_support(
            truth, predicted, labels=range(len(names)), average=None, zero_division=0
        )
        figures = list(zip(*columns, strict=True))
    return tuple(
        _class(name, *figure, minority=rare) for name, figure, rare in zip(names, figures, is_minority, strict=True)
    )


def _class(name: str, precision: float, recall: float, f1: float, support: int, *, minority: bool) -> ClassScores:
    defined = support > 0
    return ClassScores(
        name=name,
        precision=float(precision) if defined else None,
        recall=float(recall) if defined else None,
        f1=float(f1) if defined else None,
        support=int(support),
        minority=minority,
    )


def _mean(figures: Iterable[float | None]) -> float | None:
    """The mean of the figures that are defined, None if none is."""
    defined = [figure for figure in figures if figure is not None]
    return float(np.mean(defined)) if defined else None
