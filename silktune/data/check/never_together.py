"""Classes of two variables that never occur together, and variables that another one settles. Hints, not faults.

Chance is that of records, since the images of a record are not independent: the first image of each, where both
variables are known, tells how frequent a class is. A pair that any image has is none that never occurs.

R records, n_a and n_b of them with class a and with class b
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations, permutations

import numpy as np
import numpy.typing as npt
import pandas as pd

from silktune.data.check.findings import NeverTogether
from silktune.data.label_table import LabelTable

LEVEL = 0.01  # of all pairs together
SETTLED = 0.95  # of the images, in which a class of one variable goes with one class of the other
RECORDS = 20  # with both variables, and three for each class, at least

Counts = npt.NDArray[np.int64]


def never_together(labels: LabelTable) -> list[NeverTogether]:
    """The pairs of classes that no record has, though chance would have had some; the least likely first.

    The test is Fisher's exact one, on one side, with Bonferroni's correction for all pairs of classes of all variables.
    A variable that another one settles is left out: `settled` says so once.

    Args:
        labels: the table.
    """
    settles = settled(labels)
    tables = {
        pair: counts for pair in combinations(labels.variables, 2) if len((counts := _counts(labels, *pair))[2])
    }  # fmt: skip
    tests = sum(table.size for _, _, table, _ in tables.values())
    found = []
    for (a, b), (rows, columns, table, (n_a, n_b, R)) in tables.items():
        if settles.get(a, ("",))[0] == b or settles.get(b, ("",))[0] == a:
            continue
        for i, j in np.argwhere(table == 0).tolist():
            p = tests * _none(R, int(n_a[i]), int(n_b[j]))
            if p <= LEVEL:
                found.append(NeverTogether(a, rows[i], b, columns[j], float(n_a[i] * n_b[j] / R), p))
    return sorted(found, key=lambda pair: (pair.p, pair.variable, pair.label, pair.other_variable, pair.other_label))


def settled(labels: LabelTable) -> Mapping[str, tuple[str, float]]:
    """Variable → another that nearly settles it, and the share of images in which it does.

    Args:
        labels: the table.
    """
    found: dict[str, tuple[str, float]] = {}
    for settling, name in permutations(labels.variables, 2):
        _, _, table, (_, _, R) = _counts(labels, settling, name)
        if R < RECORDS or min(table.shape) < 2:
            continue
        share, largest = float(table.max(axis=1).sum() / table.sum()), float(table.sum(axis=0).max() / table.sum())
        tells = share >= SETTLED and share - largest > (1 - largest) / 2
        if tells and R >= 3 * len(table) and share > found.get(name, ("", 0.0))[1]:
            found[name] = (settling, share)
    return found


def _counts(labels: LabelTable, a: str, b: str) -> tuple[list[str], list[str], Counts, tuple[Counts, Counts, int]]:
    """Classes of a and of b, (K_a, K_b) images with both, and n_a, n_b, R."""
    cells = labels.cells
    both = cells[(cells[a] != "") & (cells[b] != "")]
    if both.empty:
        return [], [], np.empty((0, 0), np.int64), (np.empty(0, np.int64), np.empty(0, np.int64), 0)
    table = pd.crosstab(both[a], both[b])
    drawn = both.drop_duplicates("record")
    n_a, n_b = (
        drawn[name].value_counts().reindex(of, fill_value=0).to_numpy().astype(np.int64)
        for name, of in ((a, table.index), (b, table.columns))
    )
    return list(table.index), list(table.columns), table.to_numpy().astype(np.int64), (n_a, n_b, len(drawn))


def _none(R: int, n_a: int, n_b: int) -> float:
    """How likely it is that no record has both, if they are drawn by chance: the hypergeometric probability of none."""
    if n_a + n_b > R:
        return 0.0

    def log(n: int, k: int) -> float:
        return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)

    return math.exp(log(R - n_a, n_b) - log(R, n_b))
