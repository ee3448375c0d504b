"""Ablations whose rows stop when they are decided: how often they err, and how many runs they save. By simulation.

python -m benchmarks.until_decided [--tables 10000]

Deviations of a run are 1, or in the proportions of P23's Table 4 ("unequal"). A fixed number of runs is judged by
Welch's test with Holm's correction, as silktune's tables are.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from scipy import special

from benchmarks.cpu_time import show
from benchmarks.simulated_tables import Flags, Floats, Kind
from silktune.study.statistics import holm
from silktune.study.statistics.sequential import FOUND, Decisions, decide

AT_ONCE = 1000  # tables in memory
APART = 6.0  # deviations: a row that is found at once


def decided(kind: Kind, tables: int, test: Literal["Welch", "paired"], differ: int, by: float) -> Iterator[Decisions]:
    """What is decided in so many tables, in which the first rows beside the reference differ from it."""
    better = dict.fromkeys(range(1, 1 + differ), by)
    random = np.random.default_rng(kind.k * kind.n)
    for begun in range(0, tables, AT_ONCE):
        yield decide(kind.draw(min(AT_ONCE, tables - begun), random, better=better), kind.n, test)


def error(kind: Kind, tables: int, test: Literal["Welch", "paired"] = "Welch", differ: int = 0) -> float:
    """The share of tables in which a row that equals the reference is found."""
    wrong = [(one.state[:, differ:] == FOUND).any(-1) for one in decided(kind, tables, test, differ, APART)]
    return float(np.concatenate(wrong).mean())


def errors(tables: int) -> Iterator[dict[str, Any]]:
    """By number of rows and of runs: shares of tables [%] in which a difference is found where there is none."""
    for rows, most, deviations in itertools.product((1, 3, 7, 15), (5, 10, 20, 40), ("equal", "unequal")):
        plain, seeds = (Kind(rows + 1, most, rho, deviations) for rho in (0.0, 0.6))
        yield {
            "rows": rows, "at most": most, "deviations": deviations,
            "all equal": 100 * error(plain, tables),
            "every second differs": 100 * error(plain, tables, differ=rows // 2) if rows > 1 else None,
            "all equal, seeds correlate by .6": 100 * error(seeds, tables),
            "the same, paired": 100 * error(seeds, tables, "paired"),
        }  # fmt: skip


def fixed(x: Floats) -> Flags:
    """(T, k − 1) which rows differ by a fixed number of runs of each."""
    n = x.shape[-1]
    mean, v = x.mean(-1), x.var(-1, ddof=1) / n
    difference, of = mean[:, 1:] - mean[:, :1], v[:, 1:] + v[:, :1]
    df = (n - 1) * of**2 / (v[:, 1:] ** 2 + v[:, :1] ** 2)
    p = 2 * special.stdtr(df, -np.abs(difference) / np.sqrt(of))
    return np.array([holm(row) for row in p.tolist()]) < 0.05


def savings(tables: int) -> Iterator[dict[str, Any]]:
    """Every second row differs: the runs that are saved against a fixed number with the same power."""
    for rows, by, power in itertools.product((4, 8, 16), (2.0, 1.5, 1.0), (0.8, 0.9)):
        differ = rows // 2
        x = Kind(rows + 1, 60).draw(tables, np.random.default_rng(rows), better=dict.fromkeys(range(1, 1 + differ), by))
        reached = {}
        for n in range(3, 61):
            reached[n] = float(fixed(x[..., :n])[:, :differ].mean())
            if reached[n] >= power:
                break
        for most in range(n, 61):
            one = decide(x[..., :most], most)
            found = float((one.state[:, :differ] == FOUND).mean())
            if found >= reached[n]:
                break
        runs = one.runs.sum(-1) + one.runs.max(-1)  # the reference has as many as the row that has most
        yield {
            "rows": rows, "differ by": by, "fixed runs": n, "found [%]": 100 * reached[n], "at most": most,
            "found so [%]": 100 * found, "runs of all rows, fixed": n * (rows + 1), "on average": float(runs.mean()),
            "saved [%]": 100 * (1 - float(runs.mean()) / (n * (rows + 1))),
        }  # fmt: skip


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=10_000)
    tables = parser.parse_args().tables
    show(list(errors(tables)), "A difference is found where there is none [% of the tables]; nominal 5")
    show(list(savings(tables // 5)), "Runs until decided, against a fixed number of runs with the same power")


if __name__ == "__main__":
    main()
