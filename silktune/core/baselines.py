"""Predictions that need no training of a network: the largest class, and a regression on frozen features.

They know the labels of the training set, what is chosen is chosen on the validation set, and they are scored on the
test set as a network is (`metrics`).

N images, M variables, F features; n images of a subset
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from silktune.core import metrics
from silktune.data.dataset import Dataset
from silktune.data.variables import Variable
from silktune.outcome import Scores
from silktune.seeds import stream

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # C of the regression, on features of deviation 1
WEIGHTS = (None, "balanced")  # of the classes: alike, or by how rare they are
MOST_IMAGES = 10_000  # that the regression learns from; more would take minutes

Rows = NDArray[np.int64]


def largest_class(data: Dataset, subset: str) -> Scores:
    """Of naming the largest class of the training set for every image."""
    return largest_class_of_groups(data, np.full(len(data.labels), ""), subset)


def largest_class_of_groups(data: Dataset, groups: NDArray[np.str_], subset: str) -> Scores:
    """Of naming the largest class among the training images of an image's group.

    Args:
        data: as a network sees it.
        groups: (N,) of each image; of "" and of groups without a label in training, the largest class of all is named.
        subset: that is scored.

    Raises:
        DataError: the subset has no label of a class of interest.
    """
    train, rows = data.rows("train"), data.rows(subset)
    named = np.empty((len(rows), len(data.variables)), np.int64)
    for m, variable in enumerate(data.variables):
        counts = _counts(data.labels[train, m], variable)
        named[:, m] = counts.argmax()
        for group in set(groups[rows]) - {""}:
            counts = _counts(data.labels[train[groups[train] == group], m], variable)
            if counts.any():
                named[groups[rows] == group, m] = counts.argmax()
    return metrics.scores(data.labels[rows], named, data.variables)


def logistic_regression(data: Dataset, features: Callable[[Rows], NDArray[np.float32]]) -> Scores:
    """The test scores of a logistic regression per variable on the images' features.

    Its strength and its weights of classes are those with the largest F1 on the validation set.

    Args:
        data: as a network sees it.
        features: of n rows, (n, F).

    Raises:
        DataError: the test set has no label of a class of interest.
    """
    subsets = [data.rows(subset) for subset in ("train", "validation", "test")]
    if len(subsets[0]) > MOST_IMAGES:
        subsets[0] = np.sort(stream(0, "baseline").choice(subsets[0], MOST_IMAGES, replace=False))
    learned, *others = (features(rows) for rows in subsets)
    mean, deviation = learned.mean(axis=0), learned.std(axis=0)
    deviation[deviation == 0] = 1
    scaled = [(part - mean) / deviation for part in (learned, *others)]
    named = [_fitted(variable, data.labels[:, m], subsets, scaled) for m, variable in enumerate(data.variables)]
    return metrics.scores(data.labels[subsets[2]], np.stack(named, axis=1), data.variables)


def _fitted(variable: Variable, labels: Rows, subsets: Sequence[Rows], features: Sequence[NDArray[np.float32]]) -> Rows:
    """(n,) the classes of the test images, by the best of the regressions."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    train, validation, _ = subsets
    known = labels[train] >= 0
    x, y = features[0][known], labels[train][known]
    if len(set(y.tolist())) < 2:
        return np.full(len(subsets[2]), _counts(y, variable).argmax(), np.int64)
    best, named = -1.0, np.empty(0, np.int64)
    for weights in WEIGHTS:
        model = LogisticRegression(class_weight=weights, max_iter=300, tol=1e-3, warm_start=True)
        for strength in STRENGTHS:
            with threadpool_limits(1), warnings.catch_warnings():  # fits this small take longer on several threads
                warnings.simplefilter("ignore", ConvergenceWarning)  # a weaker baseline is one, too
                model.set_params(C=strength).fit(x, y)
            f1 = _f1(labels[validation], model.predict(features[1]), variable)
            if f1 > best:
                best, named = f1, model.predict(features[2])
    return named


def _f1(truth: Rows, named: Rows, variable: Variable) -> float:
    """Of a variable; 0 where the validation set has no label of it."""
    if not (truth >= 0).any():
        return 0.0
    return metrics.scores(truth[:, None], named[:, None], [variable]).mean_f1


def _counts(labels: Rows, variable: Variable) -> Rows:
    """(K_m,) the images of each class."""
    return np.bincount(labels[labels >= 0], minlength=variable.outputs)
