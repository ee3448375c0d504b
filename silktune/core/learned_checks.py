"""What frozen features say of a table's labels and of the groups that its images come from.

N images, F features
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from silktune.core import shortcuts
from silktune.core.label_noise import FOLDS, Floats, Judgement, judge
from silktune.data.check.findings import JudgedVariable, Named, SuspiciousLabel
from silktune.data.label_table import LabelTable
from silktune.data.variables import Variable


@dataclass(frozen=True)
class Learned:
    """What was found, and what could not be looked at."""

    judged: tuple[JudgedVariable, ...]
    labels: tuple[SuspiciousLabel, ...]  # the most suspicious first
    named: tuple[Named, ...]
    missing: tuple[str, ...]


def learned_checks(
    table: LabelTable, features: Floats, group: str = "", groups: NDArray[np.str_] | None = None
) -> Learned:
    """Judge the labels of every variable, and where groups are known what tells them.

    Args:
        table: the images whose features these are.
        features: (N, F), compressed.
        group: the name of the column of groups.
        groups: (N,) of each image, "": unknown.
    """
    records = table.cells["record"].to_numpy(str)
    judged, margins, named, missing = [], [], [], []
    for name in table.variables:
        variable = Variable.of(name, table.cells[name])
        labels = variable.encode(table.cells[name])
        judgement = judge(features, labels, records, variable.outputs)
        if judgement is None:
            missing.append(f"{name}: fewer than two classes are in {FOLDS} records, so its labels were not judged.")
            continue
        found = _suspicious(table, variable, judgement)
        margins += found
        judged.append(_judged(variable, judgement, int((labels >= 0).sum()), len(found)))
        if groups is not None:
            named.append(shortcuts.named(name, judgement, features, records, groups))
    if groups is not None:
        ids = np.unique(groups, return_inverse=True)[1].astype(np.int64)
        of_group = judge(features, np.where(groups == "", -1, ids), records, int(ids.max()) + 1)
        if of_group is None:
            missing.append(f"{group}: fewer than two of its groups are in {FOLDS} records, so it was not judged.")
            named = []
        else:
            named.insert(0, shortcuts.named(group, of_group, features, records, None))
    ordered = sorted(margins, key=lambda found: (found[0], found[1].image, found[1].variable))
    return Learned(tuple(judged), tuple(label for _, label in ordered), tuple(named), tuple(missing))


def _judged(variable: Variable, judgement: Judgement, labels: int, suspicious: int) -> JudgedVariable:
    classes = len(set(judgement.labels.tolist()))
    return JudgedVariable(variable.name, labels, classes, labels - len(judgement.rows), suspicious)


def _suspicious(table: LabelTable, variable: Variable, judgement: Judgement) -> list[tuple[float, SuspiciousLabel]]:
    """The suspicious labels of a variable, each with its margin."""
    images, records = table.cells["image"].tolist(), table.cells["record"].tolist()
    names, proposed, margins, found = variable.names, judgement.proposed, judgement.margins, []
    for n in judgement.ranking().tolist():
        row, given, other = int(judgement.rows[n]), int(judgement.labels[n]), int(proposed[n])
        p_given, p_proposed = (float(judgement.probabilities[n, k]) for k in (given, other))
        label = SuspiciousLabel(
            images[row], records[row], variable.name, names[given], names[other], p_given, p_proposed
        )
        found.append((float(margins[n]), label))
    return found
