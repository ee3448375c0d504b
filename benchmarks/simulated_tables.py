"""Tables of simulated runs, and rules that say which of their rows are told from the best.

x (T, k, n): T tables of k rows with n runs each, normal. Runs in one column share their seed: they correlate by ρ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from silktune.study.statistics import SIGNIFICANCE, told_apart

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

DEVIATIONS = {
    "equal": (1.0,),
    "unequal": (0.46, 1.11, 2.53, 2.45, 0.41, 1.03),  # P23 Table 4, in turn
    "halves": (0.1, 1.0),
}


@dataclass(frozen=True)
class Kind:
    """What tables are like."""

    k: int
    n: int
    rho: float = 0.0
    deviations: str = "equal"

    def draw(self, tables: int, random: np.random.Generator, *, better: Mapping[int, float] = {}) -> Floats:
        """Tables of rows with mean 0, but for those that are `better`: row → by how many times the mean deviation."""
        own = random.standard_normal((tables, self.k, self.n))
        seeds = random.standard_normal((tables, 1, self.n))
        known = np.array(DEVIATIONS[self.deviations])
        deviation = np.resize(known, self.k)[:, None]
        x = deviation * (np.sqrt(1 - self.rho) * own + np.sqrt(self.rho) * seeds)
        for row, by in better.items():
            x[:, row] += by * known.mean()
        return x


def silktunes(x: Floats) -> Flags:
    """The rule of the tables."""
    return told_apart(x)[0]


def paired_with_holm(x: Floats) -> Flags:
    """The paired t-test of each row against the one with the largest mean, with Holm's correction."""
    difference, best = _from_best(x)
    t = difference.mean(-1) / np.sqrt(difference.var(-1, ddof=1) / x.shape[-1] + 1e-300)
    return _holm(2 * stats.t.sf(t, x.shape[-1] - 1), best)


def welch_with_holm(x: Floats) -> Flags:
    """Welch's t-test of each row against the one with the largest mean, with Holm's correction."""
    difference, best = _from_best(x)
    t, df = _welch(x, difference, best)
    return _holm(2 * stats.t.sf(t, df), best)


def games_howell(x: Floats) -> Flags:
    """Welch's t against the studentized range of k means, which holds for all pairs; here for those with the best."""
    difference, best = _from_best(x)
    t, df = _welch(x, difference, best)
    nodes, limits = _studentized_range(x.shape[-2], x.shape[-1] - 1)
    return t * np.sqrt(2) > np.interp(-1 / df, -1 / nodes, limits)


@lru_cache
def _studentized_range(k: int, least: int) -> tuple[Floats, Floats]:
    """Quantiles of the range of k means at some df from the least to twice as many; scipy takes a second for each."""
    nodes = np.geomspace(least, 2 * least, 5)
    return nodes, stats.studentized_range.ppf(1 - SIGNIFICANCE, k, nodes)


def _from_best(x: Floats) -> tuple[Floats, NDArray[np.int64]]:
    best = x.mean(-1).argmax(-1)[:, None]
    return np.take_along_axis(x, best[..., None], -2) - x, best


def _welch(x: Floats, difference: Floats, best: NDArray[np.int64]) -> tuple[Floats, Floats]:
    v = x.var(-1, ddof=1) / x.shape[-1]
    other = np.take_along_axis(v, best, -1)
    return difference.mean(-1) / np.sqrt(v + other), (x.shape[-1] - 1) * (v + other) ** 2 / (v**2 + other**2)


def _holm(p: Floats, best: NDArray[np.int64]) -> Flags:
    np.put_along_axis(p, best, 1.0, -1)
    order = p.argsort(-1)
    k = p.shape[-1]
    passed = np.take_along_axis(p, order, -1) * np.maximum(np.arange(k - 1, -1, -1), 1) < SIGNIFICANCE
    told = np.zeros(p.shape, bool)
    np.put_along_axis(told, order, np.logical_and.accumulate(passed, -1), -1)
    return told


RULES: dict[str, Callable[[Floats], Flags]] = {
    "silktune": silktunes,
    "paired + Holm": paired_with_holm,
    "Welch + Holm": welch_with_holm,
    "Games–Howell": games_howell,
}


def any_apart(kind: Kind, rules: Sequence[str], tables: int, seed: int) -> dict[str, float]:
    """Rule → share of tables of equal rows in which it tells some row apart."""
    x = kind.draw(tables, np.random.default_rng(seed))
    return {rule: float(RULES[rule](x).any(-1).mean()) for rule in rules}


def found(kind: Kind, rules: Sequence[str], tables: int, seed: int, by: float = 2.0) -> dict[str, float]:
    """Rule → share of the other rows that are told apart where the first is better by `by` deviations."""
    x = kind.draw(tables, np.random.default_rng(seed), better={0: by})
    return {rule: float(RULES[rule](x)[:, 1:].mean()) for rule in rules}
