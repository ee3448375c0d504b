"""Labels that look wrong: confident learning (Northcutt, Jiang and Chuang 2021) on frozen features.

A logistic regression learns a variable from four fifths of the records and judges the labels of the others. A class
has as its threshold the mean probability that images labelled so have of it. A label is suspicious where another class
reaches its own threshold and is the most probable of those that do (the off-diagonal of the paper's confident joint).

N images, F features, K classes; unknown labels are −1
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from silktune.seeds import number, stream

FOLDS = 5  # and as many records as a class needs, to be judged
COMPONENTS = 128  # of the features' principal ones: more say nothing that a regression on so few labels can use
STRENGTHS = (1e-3, 1e-2, 1e-1)  # C of the regression; the one with the smallest loss out of fold is taken
MOST_IMAGES = 10_000  # that a regression learns from; more would take minutes

Rows = NDArray[np.int64]
Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Judgement:
    """Labels and what was thought of them, of the rows that were judged."""

    rows: Rows  # (n,) of N, ascending
    labels: Rows  # (n,)
    probabilities: Floats  # (n, K), out of fold; 0 of classes that are not judged

    @property
    def proposed(self) -> Rows:
        """(n,) the most probable class that reaches its threshold; the label itself where none does."""
        of_label = self.probabilities[np.arange(len(self.labels)), self.labels]
        K = self.probabilities.shape[1]
        counts = np.bincount(self.labels, minlength=K)
        sums = np.bincount(self.labels, of_label, minlength=K)
        thresholds = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
        confident = np.where(self.probabilities >= thresholds, self.probabilities, -1.0)
        return np.where(confident.max(axis=1) >= 0, confident.argmax(axis=1), self.labels).astype(np.int64)

    @property
    def margins(self) -> Floats:
        """(n,) the label's probability less the largest of another class: the smaller, the more suspicious."""
        everything = np.arange(len(self.labels))
        others = self.probabilities.copy()
        others[everything, self.labels] = -1.0
        margins: Floats = self.probabilities[everything, self.labels] - others.max(axis=1)
        return margins

    def ranking(self) -> Rows:
        """The suspicious of the n, by their margins."""
        suspicious = np.flatnonzero(self.proposed != self.labels)
        return suspicious[np.argsort(self.margins[suspicious], kind="stable")].astype(np.int64)

    @property
    def recall(self) -> float:
        """The mean over the classes of how many images are named rightly, if all classes counted alike.

        A class is named by its probability over its share of the labels.
        """
        shares = np.bincount(self.labels, minlength=self.probabilities.shape[1]) / len(self.labels)
        named = (self.probabilities / np.where(shares > 0, shares, np.inf)).argmax(axis=1)
        return mean_recall(self.labels, named.astype(np.int64))


def compress(features: NDArray[np.float32]) -> Floats:
    """(N, F) → (N, at most COMPONENTS), scaled to a mean deviation of 1."""
    from sklearn.decomposition import PCA
    from threadpoolctl import threadpool_limits

    deviation = features.std(axis=0)
    scaled = (features - features.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    with threadpool_limits(1):
        components: Floats = PCA(min(COMPONENTS, *scaled.shape), random_state=0).fit_transform(scaled)
    return components


def judge(features: Floats, labels: Rows, units: NDArray[np.str_], K: int) -> Judgement | None:
    """Judge labels by the labels of other records; None where fewer than two classes are in enough records.

    Args:
        features: (N, F), compressed.
        labels: (N,).
        units: (N,) what is kept together, in a fold: records, or groups.
        K: classes.
    """
    enough = [k for k in range(K) if len(set(units[labels == k].tolist())) >= FOLDS]
    rows = np.flatnonzero(np.isin(labels, enough)).astype(np.int64)
    if len(enough) < 2:
        return None
    x, y, together = features[rows], labels[rows], units[rows]
    best, probabilities = np.inf, np.zeros((len(y), K))
    for strength in STRENGTHS:
        found = _out_of_fold(x, y, together, K, strength)
        loss = -np.log(np.maximum(found[np.arange(len(y)), y], 1e-9)).mean()
        if loss < best:
            best, probabilities = loss, found
    return Judgement(rows, y, probabilities)


def _out_of_fold(x: Floats, y: Rows, units: NDArray[np.str_], K: int, strength: float) -> NDArray[np.float64]:
    """(n, K) probabilities of each row by a regression that has not seen its unit."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from threadpoolctl import threadpool_limits

    found = np.zeros((len(y), K))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=number(0, "folds") % 2**32)
    with warnings.catch_warnings(), threadpool_limits(1):  # threads that wait for each other take ten times as long
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", UserWarning)  # of classes in fewer images than folds: their units are enough
        for fold, (learned, test) in enumerate(folds.split(x, y, units)):
            most = min(len(learned), MOST_IMAGES)
            train = np.sort(stream(0, "fold", fold).choice(learned, most, replace=False))
            if len(set(y[train].tolist())) < 2:
                found[test, y[train][0]] = 1.0
                continue
            model = LogisticRegression(C=strength, max_iter=200, tol=1e-3).fit(x[train], y[train])
            found[np.ix_(test, model.classes_)] = model.predict_proba(x[test])
    return found


def mean_recall(labels: Rows, named: Rows) -> float:
    """The mean over the classes of how many of their images are named rightly."""
    return float(np.mean([(named[labels == k] == k).mean() for k in np.unique(labels)]))
