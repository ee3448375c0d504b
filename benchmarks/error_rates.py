"""How often the statistics of a table err, by simulation: bold rows, Welch's and the paired test, runs needed.

Shares in percent. `--levels` finds `silktune.study.statistics.best_rows.LEVELS` again.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from benchmarks.cpu_time import show, write
from benchmarks.simulated_tables import RULES, Kind, any_apart, found
from silktune.study.statistics import best_rows, compare, runs_needed

AT_ONCE = 2_000_000  # simulated runs in memory
WORST = [("equal", 0.0), ("unequal", 0.0), ("unequal", 0.8)]  # of which LEVELS are the smallest
SIZES = [(2, 3), (2, 5), (2, 20), (6, 3), (6, 5), (6, 10), (16, 3), (16, 5), (16, 20), (32, 3), (32, 5), (32, 10)]
GAMES_HOWELL = 16  # rows at most: scipy's quantiles of the studentized range take long


def equal_rows(tables: int) -> Iterator[dict[str, Any]]:
    """By size of a table: the share of tables of equal rows in which some row is told apart, at each correlation."""
    for (k, n), deviations in itertools.product(SIZES, ("equal", "unequal")):
        rules = [rule for rule in RULES if rule != "Games–Howell" or k <= GAMES_HOWELL]
        kinds = [Kind(k, n, rho, deviations) for rho in (0.0, 0.5, 0.8)]
        rates = [any_apart(kind, rules, tables, seed) for seed, kind in enumerate(kinds)]
        row: dict[str, Any] = {"k": k, "n": n, "deviations": deviations}
        yield row | {rule: " / ".join(f"{100 * each[rule]:.1f}" for each in rates) for rule in rules}


def one_better(tables: int) -> Iterator[dict[str, Any]]:
    """One row is better by two deviations: the share of the others that are told apart, at each correlation."""
    for (k, n), deviations in itertools.product([(2, 5), (6, 3), (6, 5), (6, 10), (16, 5)], ("equal", "unequal")):
        kinds = [Kind(k, n, rho, deviations) for rho in (0.0, 0.5, 0.8)]
        rates = [found(kind, list(RULES), tables, seed) for seed, kind in enumerate(kinds)]
        row: dict[str, Any] = {"k": k, "n": n, "deviations": deviations}
        yield row | {rule: " / ".join(f"{100 * each[rule]:.0f}" for each in rates) for rule in RULES}


def pairing(tables: int) -> Iterator[dict[str, Any]]:
    """Two rows, two deviations apart or equal: the share of tables in which each test finds a difference."""
    for n, rho in itertools.product((3, 5, 10), (0.0, 0.3, 0.6)):
        row: dict[str, Any] = {"n": n, "correlation": rho}
        for name, by in (("equal", 0.0), ("apart", 2.0)):
            x = Kind(2, n, rho).draw(tables, np.random.default_rng(n), better={0: by})
            a, b = x[:, 0], x[:, 1]
            row[f"Welch, {name}"] = 100 * float((stats.ttest_ind(a, b, axis=-1, equal_var=False).pvalue < 0.05).mean())
            row[f"paired, {name}"] = 100 * float((stats.ttest_rel(a, b, axis=-1).pvalue < 0.05).mean())
        yield row | {"pairing pays from": runs_needed.pairing_pays(n, 1), "of 5 tests": runs_needed.pairing_pays(n, 5)}


def needed(tables: int) -> Iterator[dict[str, Any]]:
    """Two rows by how many deviations they differ: does the interval hold the true number of runs, from five runs?

    And, where they are equal: how often a difference is "found" by one who makes the runs that a single number asks for
    (up to 30) and tests again.
    """
    for difference in (0.0, 0.5, 1.0, 2.0):
        true = runs_needed.planned(difference, 1, "Welch") if difference else None
        x = Kind(2, 30).draw(tables, np.random.default_rng(7), better={0: difference})
        held, bounded, followed = 0, 0, 0
        for a, b in x:
            first = _welch(a[:5], b[:5])
            low, high = runs_needed.interval(first, 5, 1) or (0, None)
            held += low <= (true or np.inf) <= (high or np.inf)
            bounded += high is not None
            more = min(first.runs_needed or 30, 30)
            followed += first.p < 0.05 or _welch(a[: max(more, 5)], b[: max(more, 5)]).p < 0.05
        yield {
            "deviations apart": difference, "runs that are needed": true, "interval holds them": 100 * held / tables,
            "has an upper end": 100 * bounded / tables, "found by following a number": 100 * followed / tables,
        }  # fmt: skip


def _welch(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> Any:
    return compare(float(a.mean()), float(a.std(ddof=1)), len(a), float(b.mean()), float(b.std(ddof=1)), len(b))


def levels(tables: int) -> Iterator[str]:
    """The lines of `LEVELS`: of each size the smallest level over the kinds of tables in `WORST`."""
    for k in best_rows.ROWS:
        line = []
        for n in best_rows.RUNS:
            quantiles = []
            for deviations, rho in WORST:
                random, kind, ps, at_once = (
                    np.random.default_rng(k * n),
                    Kind(k, n, rho, deviations),
                    [],
                    AT_ONCE // (k * n),
                )
                for begun in range(0, tables, at_once):
                    ps.append(best_rows.smallest_p(kind.draw(min(at_once, tables - begun), random)))
                quantiles.append(np.quantile(np.concatenate(ps), 0.05))
            line.append(min(quantiles))
        yield f"    [{', '.join(f'{each:.5f}' for each in line)}],"


def main() -> None:
    """Print tables, and write them as JSON with --json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=4000, help="simulated tables of each kind")
    parser.add_argument("--levels", action="store_true", help="find the levels again, and nothing else")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    if asked.levels:
        for line in levels(asked.tables):
            print(line, flush=True)
        return
    parts = {
        "equal rows": (equal_rows, "Some row is told apart though all are equal [%], at ρ = 0 / .5 / .8; nominal 5"),
        "one better": (one_better, "One row is better by 2 deviations: others told apart [%], at ρ = 0 / .5 / .8"),
        "pairing": (pairing, "Two rows, equal or 2 deviations apart: a difference is found [%]"),
        "runs needed": (needed, "Runs needed, from five runs per row [%]"),
    }
    measured = {}
    for name, (part, title) in parts.items():
        measured[name] = list(part(asked.tables if part is not needed else asked.tables // 10))
        columns = {key: None for row in measured[name] for key in row}
        show([dict.fromkeys(columns) | row for row in measured[name]], title)
    write(asked.json, measured)


if __name__ == "__main__":
    main()
