"""Whether `silktune predict --min-precision` keeps its promise: on records that nobody has seen, split again and again.

Each time the records are drawn anew into training, validation and test records. A logistic regression on frozen
features stands for a network, since a promise is made from probabilities and labels alone: it learns from the training
images, is calibrated and given its threshold on the validation images, and what it proposes is judged on the test
images. A resplit counts as broken where less than the promised share of the proposals of a variable is right, a record
counting once. The test records are as few as the validation records, so their own chance is in it.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.cpu_time import show, write
from silktune.core import frozen_features, label_noise
from silktune.data.dataset import Dataset
from silktune.data.image_store import ImageStore
from silktune.data.prepare import prepare
from silktune.data.variables import UNKNOWN
from silktune.model.calibration import Promise, sharpened, temperature
from silktune.settings import Data


@dataclass
class Kept:
    """What came of a promise over all resplits."""

    broken: int = 0
    proposing: int = 0  # resplits in which anything was proposed
    coverage: list[float] = field(default_factory=list)  # of the test images with a label
    precision: list[float] = field(default_factory=list)  # where anything was proposed
    accuracy: list[float] = field(default_factory=list)  # of all


def judged(data: Dataset, features: np.ndarray, precision: float, kept: dict[str, Kept]) -> None:
    """One resplit."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    records = data.samples["record"].to_numpy(object)
    for m, variable in enumerate(data.variables):
        rows = {s: np.flatnonzero((data.subset == s) & (data.labels[:, m] != UNKNOWN)) for s in np.unique(data.subset)}
        y, fit = data.labels[:, m], LogisticRegression(C=0.1, max_iter=300)
        with warnings.catch_warnings(action="ignore"), threadpool_limits(1):
            fit.fit(features[rows["train"]], y[rows["train"]])
        p = {s: np.zeros((len(rows[s]), variable.outputs), np.float32) for s in ("validation", "test")}
        for subset, shares in p.items():
            shares[:, fit.classes_] = fit.predict_proba(features[rows[subset]])
        T = temperature(p["validation"], y[rows["validation"]])
        sure = {subset: sharpened(shares, T) for subset, shares in p.items()}
        found = {s: (q.max(1).astype(float), q.argmax(1) == y[rows[s]], records[rows[s]]) for s, q in sure.items()}
        promise = Promise.of(*found["validation"], precision)
        confidence, correct, names = found["test"]
        proposed = confidence >= promise.threshold
        of = kept.setdefault(variable.name, Kept())
        of.coverage.append(float(proposed.mean()))
        of.accuracy.append(float(correct.mean()))
        if proposed.any():
            share = by_record(correct[proposed], names[proposed])
            of.proposing += 1
            of.precision.append(share)
            of.broken += share < precision


def by_record(correct: np.ndarray, records: np.ndarray) -> float:
    """The share that is right, where each record counts once."""
    _, record, sizes = np.unique(records.astype(str), return_inverse=True, return_counts=True)
    weight = 1 / sizes[record]
    return float((weight * correct).sum() / weight.sum())


def resplits(data: Dataset, count: int) -> Iterator[Dataset]:
    for seed in range(count):
        yield data.split_anew(seed) if seed != data.split_seed else data


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, help="a label table")
    parser.add_argument("--images", type=Path, help="the folder of its images")
    parser.add_argument("--precision", type=float, default=0.9)
    parser.add_argument("--resplits", type=int, default=100)
    parser.add_argument("--min-records", type=int, default=12, help="data.min_records")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    kept: dict[str, Kept] = {}
    with tempfile.TemporaryDirectory() as root:
        settings = Data(image_size=160, min_records=asked.min_records)
        data = Dataset.open(prepare(asked.table, asked.images, settings, Path(root)))
        store = ImageStore.of(Path(root), settings)
        found = frozen_features.features(store, data.contents, data.name, lambda done, total: None)
        compressed = np.asarray(label_noise.compress(found))
        for resplit in resplits(data, asked.resplits):
            judged(resplit, compressed, asked.precision, kept)
    rows = [
        {
            "variable": name,
            "right of all [%]": round(100 * float(np.mean(of.accuracy)), 1),
            "resplits that propose": of.proposing,
            "below the promise": of.broken,
            "precision [%]": round(100 * float(np.mean(of.precision)), 1) if of.precision else None,
            "coverage [%]": round(100 * float(np.mean(of.coverage)), 1),
        }
        for name, of in kept.items()
    ]
    show(rows, f"{asked.resplits} resplits, precision {asked.precision:g}")
    write(asked.json, {"precision": asked.precision, "resplits": asked.resplits, "rows": rows})


if __name__ == "__main__":
    main()
