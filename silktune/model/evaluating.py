"""How good a model is on a label table: metrics with intervals, per class, per group, and confusion matrices.

N images, M variables, K_m classes of variable m
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from silktune.core import metrics
from silktune.data.variables import UNKNOWN, Variable
from silktune.errors import DataError, nearest
from silktune.model.catalogue import Catalogue
from silktune.outcome import Parts, Scores
from silktune.study import bootstrap
from silktune.study.bootstrap import Draws, Interval

FEWEST = 2  # labelled images of a group of which metrics are told


@dataclass(frozen=True)
class Evaluation:
    """What a model is worth on a table."""

    scores: Scores
    intervals: Mapping[Parts, Interval]  # 95 %, over other records of the same kind
    groups: Mapping[str, Scores]  # by the value of the group column; empty: none was asked for
    images: int  # that were read and have a label that the model knows
    records: int
    rejected: Mapping[str, int]  # why images could not be read → how many
    strange: Mapping[str, Mapping[str, int]]  # variable → label that the model does not know → images


def judged(
    variables: Sequence[Variable], catalogue: Catalogue, parts: Iterable[tuple[pd.DataFrame, pd.DataFrame]], group: str
) -> Evaluation:
    """The evaluation of what a model said of all cells of a table.

    Args:
        variables: of the model.
        catalogue: the table.
        parts: proposals and rejected images, chunk by chunk, with what the model thinks of known labels.
        group: the column by whose values metrics are told too; "": none.

    Raises:
        DataError: there is no such column, or no label that the model knows.
    """
    if group and group not in catalogue.cells:
        columns = [str(name) for name in catalogue.cells.columns]
        raise DataError(f"--group {group}: {catalogue.source} has no column {group}.{nearest(group, columns)}")
    images, reasons, said = pd.Index(catalogue.cells["image"]), Counter[str](), _Said(variables)
    for rows, rejected in parts:
        reasons.update(rejected["reason"])
        said.add(rows)
    predicted = said.of(images)
    encoded = [variable.encode(catalogue.known(variable.name)) for variable in variables]
    labels = np.where(predicted >= 0, np.stack(encoded, axis=1), UNKNOWN)
    seen = np.flatnonzero((labels != UNKNOWN).any(axis=1))
    scores = metrics.scores(labels[seen], predicted[seen], variables)
    records = catalogue.cells["record"].to_numpy(str)
    groups = catalogue.cells[group].to_numpy(str) if group else np.full(len(images), "")
    return Evaluation(
        scores, _intervals(labels[seen], predicted[seen], records[seen], scores),
        dict(_by_group(labels, predicted, groups, variables)) if group else {},
        len(seen), len(set(records[seen])), dict(reasons), _strange(catalogue, variables),
    )  # fmt: skip


class _Said:
    """What a model thinks of each image, by its name."""

    def __init__(self, variables: Sequence[Variable]) -> None:
        self._classes = {v.name: {name: k for k, name in enumerate(v.names)} for v in variables}
        self._found: dict[str, dict[str, int]] = {name: {} for name in self._classes}

    def add(self, rows: pd.DataFrame) -> None:
        for name, part in rows.groupby("variable"):
            classes = part["class"].map(self._classes[str(name)])
            self._found[str(name)] |= dict(zip(part["image"], classes, strict=True))

    def of(self, images: pd.Index[str]) -> NDArray[np.int64]:
        """(N, M) class ids; −1: the image could not be read."""
        columns = [images.map(found.get).fillna(-1).to_numpy(np.int64) for found in self._found.values()]
        return np.stack(columns, axis=1)


def _strange(catalogue: Catalogue, variables: Sequence[Variable]) -> dict[str, dict[str, int]]:
    found = {}
    for variable in variables:
        counts = Counter(catalogue.known(variable.name))
        others = {name: n for name, n in counts.items() if name and name not in variable.names}
        if others:
            found[variable.name] = others
    return found


def _intervals(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], records: NDArray[np.str_], scores: Scores
) -> dict[Parts, Interval]:
    draws = Draws(records)
    rows = np.searchsorted(draws.records, records)
    on_draws = bootstrap.resampled(labels, predicted, rows, scores.variables, draws.weights)
    flat = scores.metrics()
    return {
        parts: bootstrap.of_mean([flat[parts]], [values[1:]]).test_set
        for parts, values in on_draws.items() if parts in flat
    }  # fmt: skip


def _by_group(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], groups: NDArray[np.str_], variables: Sequence[Variable]
) -> Iterable[tuple[str, Scores]]:
    """The groups with scores, the largest first."""
    seen = (labels != UNKNOWN).any(axis=1)
    for name, count in Counter(groups[seen].tolist()).most_common():
        rows = np.flatnonzero(seen & (groups == name))
        of_interest = [(labels[rows, m] >= 0) & (labels[rows, m] < v.K) for m, v in enumerate(variables)]
        if count >= FEWEST and np.any(of_interest):
            yield name, metrics.scores(labels[rows], predicted[rows], variables)
