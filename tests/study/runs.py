"""Tested runs made by hand: predictions for a small test set, and their scores."""

from __future__ import annotations

import numpy as np

from silktune.core import metrics
from silktune.data.variables import Variable
from silktune.outcome import Scores
from silktune.study.predictions import Predictions

VARIABLES = (
    Variable("place", ("CN", "FR", "IT"), (5, 60, 20), background=4),
    Variable("time", ("18", "19"), (30, 31), background=0),
)
DATA = "digest"


def run(seed: int, right: float = 0.6, N: int = 60) -> tuple[Predictions, Scores]:
    """A run that is right for about this share of the labels, on two images of each of N/2 records.

    The test set is the same in all runs, a third of its labels unknown.
    """
    fixed, chance = np.random.default_rng(7), np.random.default_rng(100 + seed)
    labels = np.stack([fixed.choice(v.outputs, N, p=shares(v)) for v in VARIABLES], axis=1)
    other = np.stack([chance.integers(0, v.outputs, N) for v in VARIABLES], axis=1)
    predicted = np.where(chance.random(labels.shape) < right, labels, other)
    labels = np.where(fixed.random(labels.shape) < 1 / 3, -1, labels)
    images, records = (np.array([f"{i // n:04}" for i in range(N)], object) for n in (1, 2))
    sure = tuple(np.eye(v.outputs, dtype=np.float32)[predicted[:, m]] for m, v in enumerate(VARIABLES))
    found = Predictions(DATA, images, records, {v.name: v.names for v in VARIABLES}, labels, sure)
    return found, metrics.scores(labels, predicted, VARIABLES)


def shares(variable: Variable) -> np.ndarray:
    counts = np.array([*variable.counts, variable.background][: variable.outputs])
    return counts / counts.sum()
