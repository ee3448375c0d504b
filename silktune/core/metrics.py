"""How good predictions are: F1 and overall accuracy (P23 §5.1, P22 §5.1), counted image by image.

N images of a subset; M variables
K classes of interest of a variable, ids 0 … K − 1; background, where a variable has any, is the class K
label −1 is unknown: the image says nothing about this variable
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from silktune.data.variables import Variable
from silktune.errors import DataError
from silktune.outcome import ClassScores, Confusion, Scores, VariableScores


def scores(labels: NDArray[np.int64], predictions: NDArray[np.int64], variables: Sequence[Variable]) -> Scores:
    """F1 and OA of every variable and their means over the variables.

    All images with a known label count, background included, both as truth and as prediction. A class without
    a labelled image here has no metrics and is left out of means, as is a variable without any.

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


def precision_recall_f1(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """(K, K) images, true class × predicted class → (3, K) precision, recall and F1 of every class; 0/0 is 0."""
    hits, predicted, labelled = confusion.diagonal(), confusion.sum(axis=0), confusion.sum(axis=1)
    parts = ((hits, predicted), (hits, labelled), (2 * hits, predicted + labelled))
    return np.array([np.divide(a, b, out=np.zeros(len(b)), where=b > 0) for a, b in parts])


def _variable(truth: NDArray[np.int64], predicted: NDArray[np.int64], variable: Variable) -> VariableScores:
    known = truth >= 0
    truth, predicted = truth[known], predicted[known]
    confusion = Confusion.count(variable.outputs, np.stack([truth, predicted], axis=1))
    classes = _classes(confusion.matrix(), variable)
    return VariableScores(
        name=variable.name,
        f1=_mean(c.f1 for c in classes[: variable.K]),
        f1_with_background=_mean(c.f1 for c in classes),
        f1_minority=_mean(c.f1 for c in classes[: variable.K] if c.minority),
        OA=float((truth == predicted).mean()) if len(truth) else None,
        labelled=len(truth),
        classes=classes,
        confusion=confusion,
    )


def _classes(confusion: NDArray[np.int64], variable: Variable) -> tuple[ClassScores, ...]:
    minority = [*variable.statistics.minority_mask, *([False] if variable.background else [])]
    shares, labelled = precision_recall_f1(confusion), confusion.sum(axis=1)
    return tuple(
        _class(name, shares[:, k], int(labelled[k]), minority=minority[k]) for k, name in enumerate(variable.names)
    )


def _class(name: str, shares: NDArray[np.float64], support: int, *, minority: bool) -> ClassScores:
    precision, recall, f1 = map(float, shares) if support else (None, None, None)
    return ClassScores(name=name, precision=precision, recall=recall, f1=f1, support=support, minority=minority)


def _mean(metrics: Iterable[float | None]) -> float | None:
    """The mean of the metrics that are defined, None if none is."""
    defined = [metric for metric in metrics if metric is not None]
    return float(np.mean(defined)) if defined else None
