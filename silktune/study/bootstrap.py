"""How sure a metric is where not only the runs are chance but the test set too: a bootstrap over its records.

The records of a test set are a draw from all records like them. The bootstrap imitates other draws: as many records,
taken with replacement from those that there are, all images of a record together. Every run of a study is judged on the
same B draws, so that differences between runs are those on the same images.

Of n runs Y_r = μ + T + ε_r + δ_r: T is what the draw of the test set does to all runs alike, ε_r what the seed does,
δ_r what the draw does to this run alone. The spread of the runs on one test set is that of ε + δ; the spread of their
mean over the draws that of T + δ/n. The variance of their mean is the sum of both less the δ/n that is in both.

Source: B. Efron, R. J. Tibshirani, An Introduction to the Bootstrap (1993); a sum of variances has Satterthwaite's
degrees of freedom, Biometrics Bulletin 2 (1946). How often the intervals hold: `benchmarks/coverage.py`.

Notation: B draws, R records, N images, M variables, C classes of all variables, n runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from silktune.data.variables import BACKGROUND, UNKNOWN
from silktune.errors import StudyError
from silktune.outcome import MEANS, VARIABLE_FIGURES, Parts, Scores, VariableScores
from silktune.seeds import stream
from silktune.study.predictions import Predictions

DRAWS = 500  # the deviation over so many errs by 3 %, the smallest source of error here
CONFIDENCE = 0.95
SAME = 1e-4  # a metric of the predictions and of the outcome may differ by the rounding of float32
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A 95 % confidence interval; nan where there is none."""

    low: float
    high: float

    @classmethod
    def around(cls, middle: float, variance: float, df: float) -> Interval:
        """Of Student's t with these degrees of freedom."""
        from scipy import stats

        if not (variance > 0 and df > 0):
            return cls(math.nan, math.nan)
        half = float(stats.t.ppf((1 + CONFIDENCE) / 2, df)) * math.sqrt(variance)
        return cls(middle - half, middle + half)

    def __bool__(self) -> bool:
        return not math.isnan(self.low)


@dataclass(frozen=True)
class Uncertainty:
    """A mean over runs, or a difference of two, and within what it would lie with other seeds and another test set."""

    value: float
    seeds: Interval  # other seeds, this test set
    test_set: Interval  # these runs, another test set
    both: Interval


class Draws:
    """B test sets drawn from the records of one."""

    def __init__(self, records: Iterable[str], draws: int = DRAWS) -> None:
        """The draws of a set of records are always the same.

        Args:
            records: the names of all records of the test set, in any order and any number of times.
            draws: B.
        """
        self.records = np.array(sorted(set(records)), np.str_)
        self.weights = record_weights(len(self.records), draws)

    def metrics(self, found: Predictions, scores: Scores) -> dict[Parts, Values]:
        """The means, and the metrics of every variable, of one run on each draw: (B,), nan where not defined.

        Args:
            found: the run's predictions for the test set.
            scores: the run's scores on the test set itself.

        Raises:
            StudyError: the predictions give other scores.
        """
        classes = {v.name: tuple(one.name for one in v.classes) for v in scores.variables}
        if dict(found.classes) != classes:
            raise StudyError("they are of other variables or classes than the outcome beside them")
        rows = np.searchsorted(self.records, found.records.astype(np.str_))
        on_draws = resampled(found.labels, found.predicted, rows, scores.variables, self.weights)
        flat = scores.metrics()
        for parts, values in on_draws.items():
            itself = flat.get(parts, math.nan)
            if not np.isclose(values[0], itself, rtol=0, atol=SAME, equal_nan=True):
                raise StudyError(
                    f"their {'.'.join(parts)} is {100 * values[0]:.2f} %, and {100 * itself:.2f} % in the outcome"
                )
        return {parts: values[1:] for parts, values in on_draws.items()}


def record_weights(R: int, draws: int) -> NDArray[np.float32]:
    """(R, 1 + B) how often each record is in a draw; the first one is the test set itself."""
    chosen = stream(0, "bootstrap over records").integers(0, R, (draws, R))
    cells = (chosen + R * np.arange(draws)[:, None]).ravel()
    weights = np.ones((R, 1 + draws), np.float32)
    weights[:, 1:] = np.bincount(cells, minlength=R * draws).reshape(draws, R).T
    return weights


def resampled(
    labels: NDArray[np.int64],
    predicted: NDArray[np.int64],
    rows: NDArray[np.int64],
    variables: Sequence[VariableScores],
    weights: NDArray[np.float32],
) -> dict[Parts, Values]:
    """The metrics of `core.metrics.scores` with records that count as often as each draw has them.

    A draw without an image of a class has no F1 of it, as a test set without one.

    Args:
        labels: (N, M), −1 is unknown.
        predicted: (N, M).
        rows: (N,) the record of each image, as the row of its weights.
        variables: the M variables; only their classes are looked at.
        weights: (R, B).

    Returns:
        By the parts of their names, the four means and four metrics of each variable: (B,), nan where not defined.
    """  # fmt: skip
    hits, named, true = _counts(labels, predicted, rows, [len(v.classes) for v in variables], weights)
    f1 = np.divide(2 * hits, named + true, out=np.zeros_like(hits), where=true > 0)
    groups = _groups(variables)  # (3M, C): which classes a metric is over
    with np.errstate(invalid="ignore"):
        over = ((groups @ f1) / (groups @ (true > 0).astype(np.float32))).reshape(3, len(variables), -1)
        every = groups[len(variables) : 2 * len(variables)]
        accuracy = (every @ hits) / (every @ true)
    found: dict[Parts, Values] = {}
    for mean, figure, values in zip(MEANS, VARIABLE_FIGURES, (*over, accuracy), strict=True):
        found[(mean,)] = _nanmean(values.astype(np.float64))
        found |= {(v.name, figure): values[m].astype(np.float64) for m, v in enumerate(variables)}
    return found


def _counts(
    labels: NDArray[np.int64],
    predicted: NDArray[np.int64],
    rows: NDArray[np.int64],
    outputs: Sequence[int],
    weights: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Weighted images that were found, named and true of every class, (3, C, B): one sparse product."""  # fmt: skip
    from scipy import sparse

    C, first = sum(outputs), np.cumsum([0, *outputs[:-1]])
    known = labels != UNKNOWN
    image, _ = np.nonzero(known)
    true, named = (first + labels)[known], (first + predicted)[known]
    hit = true == named
    cells = np.concatenate([true[hit], C + named, 2 * C + true])
    columns = rows[np.concatenate([image[hit], image, image])]
    ones = np.ones(len(cells), np.float32)
    product: NDArray[np.float32] = sparse.csr_array((ones, (cells, columns)), (3 * C, len(weights))) @ weights
    return product.reshape(3, C, -1)


def _groups(variables: Sequence[VariableScores]) -> NDArray[np.float32]:
    """(3M, C) 1 where a class counts: of interest, with background, under-represented; as `VARIABLE_FIGURES` are."""
    whose = np.repeat(np.arange(len(variables)), [len(v.classes) for v in variables])
    own = whose == np.arange(len(variables))[:, None]
    classes = [one for v in variables for one in v.classes]
    interest = np.array([one.name != BACKGROUND for one in classes])
    minority = np.array([one.minority for one in classes])
    return np.concatenate([own & interest, own, own & interest & minority]).astype(np.float32)


def _nanmean(values: Values) -> Values:
    """Over the variables for which there is a value; (M, B) → (B,)."""
    defined = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        mean: Values = np.where(defined, values, 0).sum(axis=0) / defined.sum(axis=0)
    return mean


def of_mean(values: ArrayLike, draws: ArrayLike) -> Uncertainty:
    """Of the mean of a metric over n runs.

    Args:
        values: (n,) on the test set.
        draws: (n, B), of the same runs on each draw.
    """
    y, on_draws = np.asarray(values, float), np.asarray(draws, float)
    return _uncertainty(float(y.mean()), _over_seeds(y), len(y) - 1, on_draws.mean(axis=0), _shared(y, on_draws))


def of_difference(a: ArrayLike, draws_a: ArrayLike, b: ArrayLike, draws_b: ArrayLike, *, paired: bool) -> Uncertainty:
    """Of the difference of two means a − b.

    Args:
        a: (n_a,) of one row's runs on the test set.
        draws_a: (n_a, B), of the same runs on each draw.
        b: (n_b,) of the other's.
        draws_b: (n_b, B), on the same draws.
        paired: whether a[i] and b[i] have the same seed and are compared so; else as Welch does.
    """
    sides = [(np.asarray(y, float), np.asarray(on_draws, float)) for y, on_draws in ((a, draws_a), (b, draws_b))]
    (ya, da), (yb, db) = sides
    if paired:
        return of_mean(ya - yb, da - db)
    seeds = [(_over_seeds(y), len(y) - 1) for y, _ in sides]
    shared = sum(_shared(y, on_draws) for y, on_draws in sides)
    return _uncertainty(
        float(ya.mean() - yb.mean()), sum(variance for variance, _ in seeds), _satterthwaite(seeds),
        da.mean(axis=0) - db.mean(axis=0), shared,
    )  # fmt: skip


def _over_seeds(values: Values) -> float:
    """The variance of a mean over runs; nan for one run."""
    return float(values.var(ddof=1)) / len(values) if len(values) > 1 else math.nan


def _shared(values: Values, draws: Values) -> float:
    """The variance of δ/n: by how much the draws move the runs apart; (n,) and (n, B). 0 for one run."""
    n = len(values)
    if n < 2:
        return 0.0
    return float(np.nanmean((draws - values[:, None]).var(axis=0, ddof=1)) / n)


def _uncertainty(value: float, seeds: float, df: float, over_draws: Values, shared: float) -> Uncertainty:
    """From the variances of a value: over the seeds, over the draws, and what is in both."""
    test_set = float(np.nanvar(over_draws, ddof=1)) if np.isfinite(over_draws).sum() > 1 else math.nan
    alone = max(test_set - min(shared, seeds), 0.0)  # by chance a few runs differ less than the draws move them apart
    return Uncertainty(
        value,
        Interval.around(value, seeds, df),
        Interval.around(value, test_set, math.inf),
        Interval.around(value, seeds + alone, _satterthwaite([(seeds, df), (alone, math.inf)])),
    )


def _satterthwaite(parts: Sequence[tuple[float, float]]) -> float:
    """The degrees of freedom of a sum of variances, each with its own."""
    total = sum(variance for variance, _ in parts)
    uncertain = sum(variance**2 / df for variance, df in parts if df > 0)
    return total**2 / uncertain if uncertain > 0 else math.nan
