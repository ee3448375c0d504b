"""Which rows differ from a reference, looked at after every run? A group-sequential test with rows that stop early.

After run n = 3, 4, …, N of every row that is still open each is tested against the reference, at a level so small that
all looks together err in 5 % of the tables at most: by run n a part (n/N)² of the 5 % is spent (K. Kim, D. DeMets,
Biometrika 74, 1987), and the level of a look is what that leaves if no look before found anything (P. Armitage,
C. McPherson, B. Rowe, JRSS A 132, 1969). Holm's steps divide it among the rows: one that is found leaves its part to
the others (W. Maurer, F. Bretz, Statistics in Biopharmaceutical Research 5, 2013). A row is given up where the runs
left would hardly find a difference any more; that costs power, never error.

A few runs of unequal deviations pass such bounds more often than a Brownian motion would. So a part of the 5 % is kept
back, the larger the fewer the runs: 11 % of it at N = 100, half at N = 5 (`python -m benchmarks.until_decided`).

Notation: x (T, k, N) the runs of T tables of k rows, nan where there is none (yet); row 0 is the reference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from silktune.study.statistics.comparison import SIGNIFICANCE, Test, varies

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Counts = NDArray[np.int64]

FIRST_LOOK = 3  # runs of each row
KEPT_BACK = 1.1  # of the 5 %, over the root of N
HARDLY = 0.1  # a row is given up where the chance that run N finds a difference is below this
OPEN, FOUND, GIVEN_UP = 0, 1, 2

STEPS = np.linspace(-8, 8, 3201)  # of a Brownian motion at times up to 1


@dataclass(frozen=True)
class Decisions:
    """What the looks said of the rows 1 … k − 1 of each table; all (T, k − 1)."""

    state: Counts  # OPEN, FOUND or GIVEN_UP
    runs: Counts  # at the row's last look; 0 before the first
    difference: Floats  # row − reference there; nan before the first look
    half: Floats  # of the interval there, which holds for all rows and looks together
    p: Floats  # two-sided, of that look alone


def decide(x: Floats, at_most: int, test: Test = "Welch") -> Decisions:
    """Look at the runs one after the other, as they came.

    A row without its run n is not looked at from n on; nor is any row where it is the reference's.

    Args:
        x: (T, k, n) runs, as above; n is at_most or less.
        at_most: N, the runs of each row that were planned before the first.
        test: paired takes the differences of runs in one column; Welch the two rows' own deviations.
    """
    T, rows = len(x), x.shape[1] - 1
    state, runs = np.zeros((T, rows), np.int64), np.zeros((T, rows), np.int64)
    spent = SIGNIFICANCE * (1 - KEPT_BACK / math.sqrt(at_most))
    at = np.array([levels(spent / m, at_most) for m in range(1, rows + 1)]).T  # look → level of 1, 2, … rows
    difference, half, p = (np.full((T, rows), np.nan) for _ in range(3))
    for n in range(FIRST_LOOK, min(at_most, x.shape[2]) + 1):
        there = np.all(np.isfinite(x[..., :n]), axis=-1)
        looked: Flags = (state == OPEN) & there[:, 1:] & there[:, :1]
        if not looked.any():
            break
        mean, error, df = _difference(x[..., :n], test)
        new_p = _p(mean, error, df)
        _reject(state, looked, new_p, at[n - FIRST_LOOK])
        level = _of_rest(state, at[n - FIRST_LOOK])
        for kept, new in ((runs, n), (difference, mean), (half, _t(level, df) * error), (p, new_p)):
            np.copyto(kept, new, where=looked)
        given_up = looked & (state == OPEN)
        if n < at_most:
            last = _t(_of_rest(state, at[-1]), df * (at_most - 1) / (n - 1))
            given_up &= _predicted(mean, error, df, n / at_most, last) < HARDLY
        state[given_up] = GIVEN_UP
    return Decisions(state, runs, difference, half, p)


def _reject(state: Counts, looked: Flags, p: Floats, levels: Floats) -> None:
    """Holm's steps: the more rows are found, the larger the level of the others."""
    while True:
        new = looked & (state == OPEN) & (p <= _of_rest(state, levels))
        if not new.any():
            return
        state[new] = FOUND


def _of_rest(state: Counts, levels: Floats) -> Floats:
    """(T, 1) the level of a row where those that are found left theirs to the others; `levels`: of 1, 2, … rows."""
    rest = np.maximum((state != FOUND).sum(-1), 1)
    level: Floats = levels[rest - 1, None]
    return level


def _difference(x: Floats, test: Test) -> tuple[Floats, Floats, Floats]:
    """(T, k − 1) row − reference, its standard error, nan where it does not vary, and the degrees of freedom."""
    n = x.shape[-1]
    mean = x[:, 1:].mean(-1) - x[:, :1].mean(-1)
    if test == "paired":
        spread = (x[:, 1:] - x[:, :1]).std(-1, ddof=1)
        apart = varies(spread, np.abs(x).max(-1)[:, 1:])
        return mean, np.where(apart, spread, np.nan) / math.sqrt(n), np.full(mean.shape, n - 1.0)
    own = x.std(-1, ddof=1)
    own = np.where(varies(own, np.abs(x).max(-1)), own, np.nan)
    a, b = own[:, 1:] ** 2, own[:, :1] ** 2
    return mean, np.sqrt((a + b) / n), (n - 1) * (a + b) ** 2 / (a**2 + b**2)


def _p(mean: Floats, error: Floats, df: Floats) -> Floats:
    from scipy import special

    p: Floats = np.nan_to_num(2 * special.stdtr(df, -np.abs(mean) / error), nan=1.0)
    return p


def _t(level: Floats, df: Floats) -> Floats:
    """The t that is passed with this chance on both sides together."""
    from scipy import special

    t: Floats = -special.stdtrit(df, level / 2)
    return t


def _predicted(mean: Floats, error: Floats, df: Floats, time: float, last: Floats) -> Floats:
    """The chance that the last look finds a difference, where all true ones are held equally likely beforehand.

    Args:
        mean: seen so far.
        error: its standard error.
        df: its degrees of freedom.
        time: n/N.
        last: the t that is to be passed at run N.
    """
    from scipy import special

    short = last * math.sqrt(time) - np.abs(mean) / error  # in standard errors of today
    chance: Floats = special.stdtr(df, -short / math.sqrt(1 - time))
    return np.nan_to_num(chance, nan=1.0)


@lru_cache(maxsize=1024)
def levels(level: float, at_most: int) -> tuple[float, ...]:
    """The p that a look has to stay below, from look 3 to look N; all looks together pass with the chance `level`."""
    time = np.arange(FIRST_LOOK, at_most + 1) / at_most
    return tuple(nominal(time, level * time**2).tolist())


def nominal(time: Floats, spent: Floats) -> Floats:
    """The two-sided p of each look at which a Brownian motion has left its bounds with the chance spent by then.

    Args:
        time: of the looks, growing, the last one ≤ 1.
        spent: by each look, growing.
    """
    from scipy.stats import norm

    step = STEPS[1] - STEPS[0]
    outer = STEPS[STEPS >= 0]
    within = np.zeros_like(STEPS)  # the density of paths that no look has stopped
    ps = []
    for i, (t, alpha) in enumerate(zip(time, np.diff(spent, prepend=0.0), strict=True)):
        if i == 0:
            density = norm.pdf(STEPS, scale=np.sqrt(t))
        else:
            reach = norm.pdf(STEPS, scale=np.sqrt(t - time[i - 1])) * step
            density = np.convolve(within, reach, "same")
        tail = density[-len(outer) :]
        beyond = (2 * np.cumsum(tail[::-1])[::-1] - tail) * step  # trapezia, both sides
        bound = np.interp(-alpha, -beyond, outer)
        ps.append(2 * norm.sf(bound / np.sqrt(t)))
        within = np.where(np.abs(STEPS) < bound, density, 0.0)
    return np.array(ps)
