"""Is a difference between two rows real? Welch's and the paired t-test, Holm's correction, runs needed, correlation.

a, b are the two sides; a difference is a − b. n independent runs per side, s their standard deviation (n − 1).

A t-test judges a difference by how much the runs vary. Where they do not (all differences equal, or a side of Welch's
test constant), a few runs just agree by chance: that is not testable, and never a p of 0.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

CONFIDENCE, SIGNIFICANCE, POWER = 0.95, 0.05, 0.80
MOST_RUNS = 1_000_000  # what needs more is out of reach
Test = Literal["Welch", "paired"]
ROUNDING = 1e-12  # a deviation below this share of the values is what is left of their rounding


@dataclass(frozen=True)
class Comparison:
    """A difference a − b and what can be said of it; nan where it is not testable."""

    difference: float
    low: float  # of the 95 % confidence interval
    high: float
    p: float  # two-sided
    runs_needed: int | None  # per row, 80 % power at 5 %; None: no number of runs that can be done
    test: Test


def compare(mean_a: float, std_a: float, n_a: int, mean_b: float, std_b: float, n_b: int) -> Comparison:
    """Welch's t-test from means, standard deviations (n − 1) and numbers of independent runs.

    Source: B. L. Welch, Biometrika 34 (1947); the power is that of the noncentral t distribution.

    Raises:
        ValueError: a negative deviation, or fewer than one run.
    """
    if min(n_a, n_b) < 1 or std_a < 0 or std_b < 0:
        raise ValueError(f"n_a={n_a}, n_b={n_b} must be 1 or more, std_a={std_a}, std_b={std_b} not negative")
    difference = mean_a - mean_b
    largest = max(abs(mean_a), abs(mean_b))
    if min(n_a, n_b) < 2 or not (varies(std_a, largest) and varies(std_b, largest)):
        return _not_testable(difference, "Welch")
    error = math.hypot(std_a / math.sqrt(n_a), std_b / math.sqrt(n_b))
    df = _welch_df(std_a, n_a, std_b, n_b)
    needed = fewest(lambda n: _power(abs(difference), math.hypot(std_a, std_b), n, _welch_df(std_a, n, std_b, n)))
    return _judged(difference, error, df, needed if difference else None, "Welch")


def paired(a: Sequence[float], b: Sequence[float], overlap: float = 0.0) -> Comparison:
    """The paired t-test: a[i] and b[i] are runs with the same seed, or on the same split.

    Source of the correction for splits: C. Nadeau, Y. Bengio, Machine Learning 52 (2003).

    Args:
        a: one side.
        b: the other side.
        overlap: of values on several splits of one data set the images for testing over those for training: splits
            share much of their training sets, so their values vary less than they would on other data. Else 0.

    Raises:
        ValueError: the sides differ in length or are empty.
    """
    if len(a) != len(b) or not len(a):
        raise ValueError(f"{len(a)} and {len(b)} runs cannot be paired")
    differences = np.subtract(np.asarray(a, float), np.asarray(b, float))
    n, difference = len(a), float(differences.mean())
    std = float(differences.std(ddof=1)) if n > 1 else math.nan
    if not varies(std, float(np.abs([a, b]).max())):
        return _not_testable(difference, "paired")
    spread = functools.partial(_spread, std, overlap)
    needed = fewest(lambda m: _power(abs(difference), spread(m), m, m - 1)) if difference else None
    return _judged(difference, spread(n) / math.sqrt(n), n - 1, needed, "paired")


def _spread(std: float, overlap: float, n: int) -> float:
    """The deviation of n independent values whose mean varies as much as that of n which overlap."""
    return std * math.sqrt(1 + n * overlap)


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the given order; what is nan was not tested, does not count and stays nan.

    Source: S. Holm, Scandinavian Journal of Statistics 6 (1979).
    """
    order = sorted((i for i, p in enumerate(ps) if not math.isnan(p)), key=lambda i: ps[i])
    adjusted, largest = [math.nan] * len(ps), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * ps[i]))
        adjusted[i] = largest
    return adjusted


def correlation(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """Pearson's r and its two-sided p; nan for fewer than three pairs or a side that does not vary."""
    if len(x) < 3 or not all(varies(float(np.ptp(side)), float(np.abs(side).max())) for side in (x, y)):
        return math.nan, math.nan
    from scipy import stats

    r, p = stats.pearsonr(x, y)
    return float(r), float(p)


def varies(spread: ArrayLike, largest: ArrayLike) -> NDArray[np.bool_]:
    """Whether spreads of values are more than the rounding of the largest of them; what is not a number is not."""
    spread, largest = np.asarray(spread), np.asarray(largest)
    with np.errstate(invalid="ignore"):
        more: NDArray[np.bool_] = np.isfinite(largest) & (ROUNDING * largest < spread) & (spread < math.inf)
    return more


def _not_testable(difference: float, test: Test) -> Comparison:
    return Comparison(difference, math.nan, math.nan, math.nan, None, test)


def _welch_df(std_a: float, n_a: int, std_b: float, n_b: int) -> float:
    """Welch–Satterthwaite."""
    larger = max(std_a, std_b)  # so that no square is too small or too large for a float
    a, b = (std_a / larger) ** 2 / n_a, (std_b / larger) ** 2 / n_b
    return (a + b) ** 2 / (a**2 / (n_a - 1) + b**2 / (n_b - 1))


def _judged(difference: float, error: float, df: float, needed: int | None, test: Test) -> Comparison:
    from scipy import special

    p = 2 * float(special.stdtr(df, -abs(difference) / error))
    half = float(special.stdtrit(df, (1 + CONFIDENCE) / 2)) * error
    return Comparison(difference, difference - half, difference + half, p, needed, test)


def _power(difference: float, std: float, n: int, df: float) -> float:
    """Of finding the difference with n runs per row; the chance of finding its opposite is left out."""
    from scipy import stats

    critical = stats.t.ppf(1 - SIGNIFICANCE / 2, df)
    return float(stats.nct.sf(critical, df, difference / std * math.sqrt(n)))


def fewest(power: Callable[[int], float]) -> int | None:
    """The smallest n ≥ 2 with enough power, which grows with n."""
    enough = 2
    while power(enough) < POWER:
        enough *= 2
        if enough > MOST_RUNS:
            return None
    too_few = enough // 2
    while enough - too_few > 1:
        middle = (enough + too_few) // 2
        too_few, enough = (too_few, middle) if power(middle) >= POWER else (middle, enough)
    return enough
