"""Which rows of a table cannot be told from the best? A step-down test of every row against the largest mean.

The best row was chosen from the same numbers it is then compared with, so no p of a single pair is its own measure:
of 16 equal rows some row lies 5 % below the best by chance in a third of all tables. Here a p counts as much as it is
rare among tables of equal rows with as many rows and runs: `LEVELS`, found by simulation.

Notation: x (..., k, n) the runs of k rows, nan where one is missing; runs in one column share their seed.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from silktune.study.statistics.comparison import varies

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

FEWEST_RUNS = 3  # of a row that is judged: two agree too easily
MARGIN = 0.92  # of the levels: for other deviations and correlations than those that were simulated
CAUTION = 0.75  # the correlation is taken as small as it is with this confidence (one-sided)

ROWS = (2, 3, 4, 6, 8, 12, 16, 24, 32)
RUNS = (3, 4, 5, 7, 10, 20)
# The smallest p against the best that is below this in 5 % of the tables of equal rows: k by ROWS, n by RUNS. Of equal
# and of unequal deviations (P23's Table 4) and of correlations 0, .5 and .8 the smallest such level; found by
# `python -m benchmarks.error_rates --levels`.
LEVELS = np.array([
    [0.03017, 0.03394, 0.03840, 0.03916, 0.04328, 0.04704],
    [0.01646, 0.01876, 0.02042, 0.01937, 0.01838, 0.01784],
    [0.01031, 0.01212, 0.01271, 0.01075, 0.01056, 0.01028],
    [0.00849, 0.00765, 0.00652, 0.00548, 0.00497, 0.00438],
    [0.00591, 0.00470, 0.00418, 0.00338, 0.00295, 0.00259],
    [0.00393, 0.00286, 0.00214, 0.00173, 0.00137, 0.00124],
    [0.00276, 0.00184, 0.00141, 0.00103, 0.00081, 0.00071],
    [0.00171, 0.00101, 0.00078, 0.00056, 0.00043, 0.00033],
    [0.00123, 0.00075, 0.00056, 0.00035, 0.00028, 0.00020],
])  # fmt: skip


def inseparable(runs: ArrayLike) -> set[int]:
    """The rows that cannot be told from the best: what a table sets in bold.

    If the rows are equal, one of them is missing from the set in about 5 % of the tables or fewer (5.8 is the most that
    simulations found, `benchmarks/README.md`). What cannot be judged is not told apart: a row with fewer than three
    runs, or one whose runs do not vary.

    Args:
        runs: (k, n), rows × runs with shared seeds; nan where a run is missing.

    Returns:
        Numbers of rows, counted from 0; a row without any run is not among them.
    """
    x = np.atleast_2d(np.asarray(runs, float))
    if not x.size:
        return set()
    apart, _ = told_apart(x)
    return {int(i) for i in np.flatnonzero(np.isfinite(x).any(-1) & ~apart)}


def told_apart(runs: ArrayLike, overlap: float = 0.0) -> tuple[Flags, Flags]:
    """Which rows of each table are told from its best row, and which were judged at all.

    Each row's mean is compared with the largest one by a t-test with unequal variances (Welch) in which the runs'
    correlation over the seeds shortens the standard error. The row with the smallest p is told apart if that is at most
    the level of k equal rows, the next if its is at most that of k − 1, and so on until the first that is not.
    Source: the elimination of P. R. Hansen, A. Lunde, J. M. Nason, Econometrica 79 (2011), with levels from simulated
    tables in place of a bootstrap, which three runs are too few for.

    Args:
        runs: (..., k, n) as in `inseparable`: tables of the same size.
        overlap: as in `paired`, where columns are splits of one data set.

    Returns:
        (..., k) told apart, (..., k) judged; with fewer than two judged rows none is judged.
    """
    x = np.asarray(runs, float)
    p, judged, most = _against_best(x.reshape(-1, *x.shape[-2:]), overlap)
    k = judged.sum(-1)
    levels = _levels(x.shape[-2])
    order = p.argsort(-1, kind="stable")
    left = np.maximum(k[:, None] - np.arange(x.shape[-2]), 0)  # rows that are not told apart yet, with this one
    passed = np.take_along_axis(p, order, -1) <= levels[left, np.minimum(most, RUNS[-1])[:, None]]
    apart = np.zeros_like(judged)
    np.put_along_axis(apart, order, np.logical_and.accumulate(passed, -1), -1)
    return apart.reshape(x.shape[:-1]), judged.reshape(x.shape[:-1])


def smallest_p(runs: ArrayLike) -> Floats:
    """(...,) the smallest p of any row against the best, of each table: what `LEVELS` are quantiles of."""
    x = np.asarray(runs, float)
    p, _, _ = _against_best(x.reshape(-1, *x.shape[-2:]))
    smallest: Floats = p.min(-1).reshape(x.shape[:-2])
    return smallest


def seed_correlation(runs: ArrayLike) -> float:
    """How far runs with the same seed go up and down together: the mean of Pearson's r over all pairs of rows.

    Args:
        runs: (k, n) as in `inseparable`.

    Returns:
        Between −1 and 1; nan where no two rows share two seeds.
    """
    x = np.asarray(runs, float)[None]
    there, count, _, deviation, centred = _moments(x)
    return float(_mean_correlation(there, centred, deviation, _judged(x, count, deviation, 2))[0])


def _against_best(x: Floats, overlap: float = 0.0) -> tuple[Floats, Flags, NDArray[np.int64]]:
    """For tables (T, k, n): p (T, k) of every row against the best, which rows are judged, and the most runs (T,).

    p is 1 for the best and for what is not judged.
    """
    from scipy import special

    there, count, mean, deviation, centred = _moments(x)
    judged = _judged(x, count, deviation, FEWEST_RUNS)
    r = _cautious(_mean_correlation(there, centred, deviation, judged), there, judged)
    best = np.where(judged, mean, -np.inf).argmax(-1)[:, None]

    def of_best(values: Floats) -> Floats:
        return np.take_along_axis(values, best, -1)

    n = np.maximum(count, 2)
    error = np.where(judged, deviation / np.sqrt(n), 1.0)  # of a mean
    shared = (there & np.take_along_axis(there, best[..., None], -2)).sum(-1)
    common = shared / np.sqrt(n * of_best(n))  # 1 where both have the same seeds
    one, other = error**2, of_best(error) ** 2
    variance = one + other - 2 * r[:, None] * common * error * of_best(error)
    df = (one + other) ** 2 / (one**2 / (n - 1) + other**2 / (of_best(n) - 1))
    p = 2 * special.stdtr(df, -(of_best(mean) - mean) / np.sqrt(variance * (1 + n * overlap)))
    tested = judged & (judged.sum(-1) > 1)[:, None]
    p = np.where(tested, p, 1.0)
    np.put_along_axis(p, best, 1.0, -1)
    return p, tested, np.where(judged, count, 0).max(-1)


def _moments(x: Floats) -> tuple[Flags, NDArray[np.int64], Floats, Floats, Floats]:
    """Which runs there are, their number, mean and deviation by row, every run less its row's mean (0 if missing)."""
    there = np.isfinite(x)
    count = there.sum(-1)
    mean = np.where(there, x, 0).sum(-1) / np.maximum(count, 1)
    centred = np.where(there, x - mean[..., None], 0)
    return there, count, mean, np.sqrt((centred**2).sum(-1) / np.maximum(count - 1, 1)), centred


def _judged(x: Floats, count: NDArray[np.int64], deviation: Floats, fewest: int) -> Flags:
    largest = np.where(np.isfinite(x), np.abs(x), 0).max(-1)
    return (count >= fewest) & varies(deviation, largest)


def _mean_correlation(there: Flags, centred: Floats, deviation: Floats, judged: Flags) -> Floats:
    """(T,) r over all pairs of judged rows and the seeds they share."""
    z = np.where(judged, 1 / np.where(judged, deviation, 1), 0)[..., None] * centred
    both = (there & judged[..., None]).astype(float)
    shared = np.maximum(both @ both.swapaxes(-1, -2) - 1, 0)
    products = (z.sum(-2) ** 2).sum(-1) - (z**2).sum((-2, -1))
    pairs = shared.sum((-2, -1)) - np.trace(shared, axis1=-2, axis2=-1)
    r: Floats = np.divide(products, pairs, out=np.full(len(z), np.nan), where=pairs > 0)
    return r


def _cautious(r: Floats, there: Flags, judged: Flags) -> Floats:
    """(T,) the smallest correlation ≥ 0 that goes with r: r is the less certain the fewer rows and seeds there are.

    In terms of an analysis of variance with seeds as blocks, of standardised runs: F = (1 + (k − 1) r) / (1 − r).
    """
    from scipy import special

    k = np.maximum(judged.sum(-1), 2)
    seeds = np.maximum(((there & judged[..., None]).sum(-2) > 1).sum(-1), 2)
    known = np.clip(np.nan_to_num(r), 0, 0.999)
    f = (1 + (k - 1) * known) / (1 - known) / special.fdtri(seeds - 1, (seeds - 1) * (k - 1), CAUTION)
    more: Floats = np.maximum(f - 1, 0)
    r_least: Floats = more / (more + k)
    return r_least


@lru_cache
def _levels(rows: int) -> Floats:
    """(rows + 1, most runs + 1) `LEVELS`, interpolated; beyond its last k as Bonferroni's. For k < 2 none is passed."""
    levels = np.full((max(rows, 1) + 1, RUNS[-1] + 1), -1.0)
    inverse = 1 / np.array(RUNS)
    for k in range(2, rows + 1):
        known = min(k, ROWS[-1])
        at = [np.interp(np.log(known), np.log(ROWS), np.log(column)) for column in LEVELS.T]
        beyond = known * (known - 1) / (k * (k - 1))
        n = np.arange(FEWEST_RUNS, RUNS[-1] + 1)
        levels[k, FEWEST_RUNS:] = MARGIN * np.exp(np.interp(-1 / n, -inverse, at)) * beyond
    return levels
