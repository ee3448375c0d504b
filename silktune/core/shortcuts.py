"""Whether images tell where they come from: how well a group, such as a museum, is named, and what it names by itself.

A network that can tell the museum may learn that in place of what is shown, and does worse on images of another one.
All figures are mean recalls over classes, out of fold, as if all classes were equally frequent: chance is 1/K.

N images, F features, K classes, G groups; unknown labels are −1
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from silktune.core.label_noise import Floats, Judgement, Rows, judge
from silktune.data.check.findings import Named


def named(
    column: str, judged: Judgement, features: Floats, records: NDArray[np.str_], groups: NDArray[np.str_] | None
) -> Named:
    """How well a variable, or the group itself, is named.

    Args:
        column: its name.
        judged: of the features, in folds of records.
        features: (N, F), compressed.
        records: (N,).
        groups: (N,), "": unknown; None: there are none, or it is the group itself.
    """
    K = len(set(judged.labels.tolist()))
    if groups is None:
        return Named(column, K, judged.recall, None, None)
    known = groups[judged.rows] != ""
    rows, labels = judged.rows[known], judged.labels[known]
    return Named(
        column,
        K,
        judged.recall,
        _of_groups(labels, groups[rows], records[rows]),
        _apart(features[rows], labels, groups[rows]),
    )


def _of_groups(labels: Rows, groups: NDArray[np.str_], records: NDArray[np.str_]) -> float | None:
    """By the class that a group has most of, for its share of the labels, among other records."""
    if len(set(labels.tolist())) < 2:
        return None
    G = {name: g for g, name in enumerate(sorted(set(groups.tolist())))}
    one_hot = np.eye(len(G))[[G[name] for name in groups.tolist()]]
    judged = judge(one_hot, labels, records, int(labels.max()) + 1)
    return judged.recall if judged else None


def _apart(features: Floats, labels: Rows, groups: NDArray[np.str_]) -> float | None:
    """From features, in groups that none of what was learned is of; None: too few groups have the classes."""
    judged = judge(features, labels, groups, int(labels.max(initial=0)) + 1)
    return judged.recall if judged and len(judged.rows) >= len(labels) / 2 else None
