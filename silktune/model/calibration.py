"""How far a network's probabilities can be trusted: calibration, and the promise of a precision.

Everything is learnt from the validation set, which chose the epoch and perhaps the settings, but no weight. Images of
one record are not independent, so a record counts once, each of its images as a part of it.

N labelled images of n records, K classes of one variable, p (N, K) the softmax, y (N,) labels
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from silktune.data.variables import UNKNOWN
from silktune.study.predictions import Predictions

Floats = NDArray[np.float64]
# Of N labelled images: the probability of the most probable class, whether it is the label, and the record; (N,) each.
Certainty = tuple[Floats, NDArray[np.bool_], NDArray[np.object_]]
LEAST, MOST = 0.05, 20.0  # temperatures
BINS = 15  # of the expected calibration error
RISK = 0.05  # that the population's precision is below what was promised
SETS = np.arange(1, 21) / 20  # of the most confident images, that are tested: shares of all
APART = 5  # sets between two starts
SMALLEST = np.finfo(np.float32).tiny


def sharpened(p: NDArray[np.floating], temperature: float) -> NDArray[np.float32]:
    """(N, K) the softmax of the logits over a temperature, from that of the logits themselves."""
    logits = np.log(np.maximum(p.astype(np.float64), SMALLEST)) / temperature
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: NDArray[np.float32] = (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
    return result


def temperature(p: NDArray[np.floating], y: NDArray[np.int64]) -> float:
    """The temperature with the smallest cross-entropy (Guo et al., ICML 2017); 1 where there is no label."""
    from scipy.optimize import minimize_scalar

    if len(y) == 0:
        return 1.0

    def cross_entropy(log_temperature: float) -> float:
        shares = sharpened(p, float(np.exp(log_temperature)))[np.arange(len(y)), y]
        return float(-np.log(np.maximum(shares, SMALLEST)).mean())

    best = minimize_scalar(cross_entropy, bounds=(np.log(LEAST), np.log(MOST)), method="bounded")
    return float(np.exp(best.x))


class Bin(NamedTuple):
    """Images of about the same confidence."""

    confidence: float  # their mean
    precision: float
    images: int


def reliability(confidence: Floats, correct: NDArray[np.bool_]) -> list[Bin]:
    """How often images of each confidence are right: bins of equal width that have images, the unsure ones first."""
    which = np.minimum((confidence * BINS).astype(int), BINS - 1)
    members = (np.flatnonzero(which == one) for one in np.unique(which))
    return [Bin(float(confidence[rows].mean()), float(correct[rows].mean()), len(rows)) for rows in members]


def calibration_error(confidence: Floats, correct: NDArray[np.bool_]) -> float:
    """The expected calibration error: how far confidence and precision lie apart, over the bins of `reliability`."""
    gaps = (bin_.images * abs(bin_.confidence - bin_.precision) for bin_ in reliability(confidence, correct))
    return sum(gaps) / max(len(confidence), 1)


class Ranked(NamedTuple):
    """What lies at and above each confidence that occurs, the highest first; (t,) each."""

    confidence: Floats
    records: Floats  # an image counts as its part of its record
    right: Floats  # of these, those that are correct

    @classmethod
    def of(cls, confidence: Floats, correct: NDArray[np.bool_], records: NDArray[np.object_]) -> Self:
        """From (N,) the probability of the most probable class, whether it is the label, and names of records."""
        order = np.argsort(-confidence, kind="stable")
        _, record, sizes = np.unique(records.astype(str), return_inverse=True, return_counts=True)
        weight = 1 / sizes[record[order]]
        ends = np.flatnonzero(np.append(np.diff(confidence[order]) != 0, np.ones(min(len(order), 1), bool)))
        return cls(confidence[order][ends], np.cumsum(weight)[ends], np.cumsum(weight * correct[order])[ends])

    @property
    def coverage(self) -> Floats:
        """The share of the records at and above each confidence."""
        return self.records / self.records[-1:]

    @property
    def precision(self) -> Floats:
        """The share of them that is right."""
        return self.right / self.records


@dataclass(frozen=True)
class Promise:
    """From which confidence on the precision of one variable's proposals holds."""

    precision: float  # that was asked for
    threshold: float  # of the confidence; above 1: nothing is proposed
    coverage: float  # of the validation images with a label, the share that is proposed
    held: float  # their precision
    records: int  # of the validation set, with a label

    @property
    def possible(self) -> bool:
        return self.threshold <= 1

    @classmethod
    def of(cls, confidence: Floats, correct: NDArray[np.bool_], records: NDArray[np.object_], precision: float) -> Self:
        """The lowest threshold at which the precision holds.

        Sets of the most confident images are tested against the chance that their precision is lower than promised:
        from some sets on larger and larger ones until one fails, each start at its part of `RISK` (fixed-sequence
        testing, with which no further correction is due; Angelopoulos et al., Learn then Test).

        Args:
            confidence: (N,) the probability of the most probable class.
            correct: (N,) whether it is the label.
            records: (N,) names.
            precision: to be held, between 0 and 1.
        """
        from scipy.stats import beta

        ranked = Ranked.of(confidence, correct, records)
        n, right = ranked.records, ranked.right
        if not len(n):
            return cls(precision, np.inf, 0.0, np.nan, 0)
        count = round(n[-1])
        sets = np.searchsorted(n, SETS * n[-1] * (1 - 1e-9))
        enough = np.log(RISK) / np.log(precision)  # records; fewer could not show it if all were correct
        starts = np.arange(np.searchsorted(SETS * count, enough), len(SETS), APART)
        risk = RISK / max(len(starts), 1)
        holds = beta.ppf(risk, np.maximum(right[sets], 1e-12), n[sets] - right[sets] + 1) >= precision
        ahead = [start + np.argmin(np.append(holds[start:], False)) - 1 for start in starts]
        last = max((int(k) for k, start in zip(ahead, starts, strict=True) if k >= start), default=-1)
        if last < 0:
            return cls(precision, np.inf, 0.0, np.nan, count)
        end = sets[last]
        coverage, held = float(ranked.coverage[end]), float(ranked.precision[end])
        return cls(precision, float(ranked.confidence[end]), coverage, held, count)


def errors(predictions: Predictions) -> dict[str, float]:
    """The expected calibration error of every variable, over its labelled images."""
    found = {}
    for m, name in enumerate(predictions.classes):
        confidence, correct, _ = labelled(predictions, m)
        found[name] = calibration_error(confidence, correct)
    return found


def labelled(predictions: Predictions, m: int) -> Certainty:
    """Of the labelled images of variable m."""
    known = predictions.labels[:, m] != UNKNOWN
    p, y = predictions.probabilities[m][known], predictions.labels[known, m]
    return p.max(axis=1).astype(np.float64), p.argmax(axis=1) == y, predictions.records[known]


def mean(members: list[Predictions]) -> Predictions:
    """The mean of the probabilities of several runs, of the same images in the same order."""
    first = members[0]
    together = zip(*(member.probabilities for member in members), strict=True)
    shares = tuple(np.stack(each).mean(axis=0, dtype=np.float64).astype(np.float32) for each in together)
    return Predictions(first.data, first.images, first.records, first.classes, first.labels, shares)


def temperatures(validation: Predictions) -> dict[str, float]:
    """The temperature of every variable."""
    found = {}
    for m, name in enumerate(validation.classes):
        known = validation.labels[:, m] != UNKNOWN
        found[name] = temperature(validation.probabilities[m][known], validation.labels[known, m])
    return found


def calibrated(predictions: Predictions, of: Mapping[str, float]) -> Predictions:
    """The predictions with temperatures, by variable."""
    shares = tuple(
        sharpened(p, of[name]) for name, p in zip(predictions.classes, predictions.probabilities, strict=True)
    )
    return Predictions(
        predictions.data, predictions.images, predictions.records, predictions.classes, predictions.labels, shares
    )


def by_record(predictions: Predictions) -> Predictions:
    """A row for each record: the mean of its images' probabilities, and the label that one of them has."""
    names, record = np.unique(predictions.records.astype(str), return_inverse=True)
    sizes = np.bincount(record).astype(np.float64)
    shares = []
    for p in predictions.probabilities:
        sums = np.zeros((len(names), p.shape[1]))
        np.add.at(sums, record, p)
        shares.append((sums / sizes[:, None]).astype(np.float32))
    labels = np.full((len(names), predictions.labels.shape[1]), UNKNOWN, np.int64)
    np.maximum.at(labels, record, predictions.labels)
    objects = names.astype(object)
    return Predictions(predictions.data, objects, objects, predictions.classes, labels, tuple(shares))


def attainable(validation: Predictions, m: int) -> float:
    """The largest precision, in whole percent, that can be promised of variable m; 0: none."""
    found = labelled(validation, m)
    return next((p / 100 for p in range(99, 0, -1) if Promise.of(*found, p / 100).possible), 0.0)


def promises(validation: Predictions, precision: float) -> dict[str, Promise]:
    """The promise of every variable, from calibrated predictions of the validation set."""
    return {name: Promise.of(*labelled(validation, m), precision) for m, name in enumerate(validation.classes)}
