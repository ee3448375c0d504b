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
from silktune.model.calibration import Certainty
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
    certainty: Mapping[str, Certainty]  # variable → how sure the model is of its labelled images, calibrated
    known: Mapping[str, int]  # subset of the data set that the model was trained on → images here that are in it


def judged(
    variables: Sequence[Variable], catalogue: Catalogue, parts: Iterable[tuple[pd.DataFrame, pd.DataFrame]], group: str,
    known: Mapping[str, int],
) -> Evaluation:  # fmt: skip
    """The evaluation of what a model said of all cells of a table.

    Args:
        variables: of the model.
        catalogue: the table.
        parts: proposals and rejected images, chunk by chunk, with what the model thinks of known labels.
        group: the column by whose values metrics are told too; "": none.
        known: subset of the data set that the model was trained on → images of the table that are in it.

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
    predicted, confidence = said.of(images)
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
        dict(_certainty(variables, labels, predicted, confidence, records.astype(object))), known,
    )  # fmt: skip


class _Said:
    """What a model thinks of each image, by its name."""

    def __init__(self, variables: Sequence[Variable]) -> None:
        self._classes = {v.name: {name: k for k, name in enumerate(v.names)} for v in variables}
        self._found: dict[str, dict[str, tuple[int, float]]] = {name: {} for name in self._classes}

    def add(self, rows: pd.DataFrame) -> None:
        for name, part in rows.groupby("variable"):
            classes = part["class"].map(self._classes[str(name)])
            said = zip(classes, part["probability"], strict=True)
            self._found[str(name)] |= dict(zip(part["image"], said, strict=True))

    def of(self, images: pd.Index[str]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """(N, M) class ids, −1 where an image could not be read, and their probabilities."""
        said = [[found.get(image, (-1, 0.0)) for image in images] for found in self._found.values()]
        pairs = np.array(said, np.float64).transpose(1, 0, 2)
        return pairs[..., 0].astype(np.int64), pairs[..., 1]


def _certainty(
    variables: Sequence[Variable], labels: NDArray[np.int64], predicted: NDArray[np.int64],
    confidence: NDArray[np.float64], records: NDArray[np.object_],
) -> Iterable[tuple[str, Certainty]]:  # fmt: skip
    for m, variable in enumerate(variables):
        rows = np.flatnonzero(labels[:, m] != UNKNOWN)
        if len(rows):
            yield variable.name, (confidence[rows, m], predicted[rows, m] == labels[rows, m], records[rows])


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
