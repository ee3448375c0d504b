"""How many runs find a difference? What a number of runs can find, planned runs, and what is known of runs needed.

A *level* is the p that a single test has to stay below: 0.05 over the number of tests at Holm's first step. Deviations
are of single runs: of each row's (Welch), or of the differences between runs with the same seed (paired).
"""

from __future__ import annotations

import math
from functools import lru_cache

from silktune.study.statistics.comparison import CONFIDENCE, MOST_RUNS, POWER, SIGNIFICANCE, Comparison, Test, fewest

SHARES = 9  # nodes of a mean over w
MOST_T = 1e4  # of a larger one two runs are enough, and scipy's noncentral t fails
FEWEST_FOR_INTERVAL = 5  # runs per row; fewer say next to nothing about how many are needed


def level(tests: int) -> float:
    """Of a single test among so many, at Holm's first step."""
    return SIGNIFICANCE / max(tests, 1)


@lru_cache
def smallest_found(runs: int, tests: int, test: Test) -> float:
    """The difference, in deviations, that so many runs per row find with a power of 80 %; inf for a single run."""
    if runs < 2:
        return math.inf
    from scipy.optimize import brentq

    def lacking(difference: float) -> float:
        return _power(difference, runs, level(tests), test) - POWER

    enough = 1.0
    while lacking(enough) < 0:
        enough *= 2
    return float(brentq(lacking, 0, enough, xtol=1e-4))


def planned(difference: float, tests: int, test: Test) -> int | None:
    """Runs per row that find a difference, in deviations, with a power of 80 %; None: more than can be done.

    Raises:
        ValueError: the difference is 0, or not a number.
    """
    if not abs(difference) > 0:
        raise ValueError(f"a difference of {difference} needs no number of runs: none can find it")
    return fewest(lambda n: _power(abs(difference), n, level(tests), test))


def pairing_pays(runs: int, tests: int) -> float:
    """The correlation of runs with the same seed above which the paired test finds smaller differences than Welch's."""
    welch, paired = smallest_found(runs, tests, "Welch"), smallest_found(runs, tests, "paired")
    return 1 - welch**2 / (2 * paired**2) if runs > 1 else math.nan


def interval(comparison: Comparison, runs: int, tests: int) -> tuple[int, int | None] | None:
    """Between which numbers of runs per row the one lies that finds the true difference with a power of 80 %.

    The 95 % confidence interval of the difference in deviations, from the noncentral t distribution (as if both rows
    had the same deviation), each end turned into runs. None for its second: no number is known to be enough, since the
    true difference may be 0.

    Args:
        comparison: what was found.
        runs: per row.
        tests: in the family.

    Returns:
        None if nothing can be said: fewer than five runs, or no test.
    """
    if runs < FEWEST_FOR_INTERVAL or math.isnan(comparison.p):
        return None
    df = _df(runs, comparison.test)
    t = _t(comparison.p, df)
    scale = math.sqrt(runs if comparison.test == "paired" else runs / 2)
    most = _noncentrality(t, df, (1 - CONFIDENCE) / 2) / scale
    low = planned(most, tests, comparison.test) or MOST_RUNS
    if comparison.p >= 1 - CONFIDENCE:
        return low, None
    return low, planned(_noncentrality(t, df, (1 + CONFIDENCE) / 2) / scale, tests, comparison.test)


def _df(runs: int, test: Test) -> int:
    return runs - 1 if test == "paired" else 2 * (runs - 1)


def _t(p: float, df: float) -> float:
    """The t ≥ 0 that has this two-sided p."""
    from scipy import special

    return min(-float(special.stdtrit(df, max(p, 1e-300) / 2)), MOST_T)


def _noncentrality(t: float, df: float, share: float) -> float:
    """The noncentrality ≥ 0 at which a smaller t has this chance: one end of its confidence interval."""
    from scipy.optimize import brentq
    from scipy.stats import nct

    return float(brentq(lambda centre: nct.cdf(t, df, centre) - share, 0, 3 * t + 5))


def _power(difference: float, runs: int, at: float, test: Test) -> float:
    """Of finding a difference in deviations; the chance of finding its opposite is left out.

    Welch's df depends on the share w of one row's variance in the sum of both, which is independent of that sum: the
    power is the mean over w, which has a beta distribution where the true deviations are equal.
    """
    from scipy import special, stats

    df = _df(runs, test)
    error = math.sqrt((1 if test == "paired" else 2) / runs)
    if test == "paired":
        return float(stats.nct.sf(-special.stdtrit(df, at / 2), df, difference / error))
    nodes, weights = special.roots_jacobi(SHARES, (runs - 3) / 2, (runs - 3) / 2)
    of_w = (runs - 1) / (((1 + nodes) / 2) ** 2 + ((1 - nodes) / 2) ** 2)
    powers = stats.nct.sf(-special.stdtrit(of_w, at / 2), df, difference / error)
    return float((weights @ powers) / weights.sum())
