"""Wrong labels and shortcuts that were planted into features are found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from silktune.core import label_noise
from silktune.core.label_noise import Judgement, judge
from silktune.core.learned_checks import learned_checks
from silktune.data.label_table import LabelTable
from silktune.seeds import stream

N, K, F = 240, 4, 12


def clusters(spread: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """(N, F) features around a centre per class, and (N,) the classes."""
    random = stream(0, "clusters")
    truth = np.arange(N) % K
    return random.normal(size=(K, F))[truth] + spread * random.normal(size=(N, F)), truth


def units(count: int = N) -> np.ndarray:
    return np.array([f"r{i % count}" for i in range(N)])


def test_flipped_labels_come_first() -> None:
    features, truth = clusters()
    flipped = stream(0, "flips").choice(N, 20, replace=False)
    labels = truth.copy()
    labels[flipped] = (labels[flipped] + 1) % K
    judged = judge(features, labels, units(), K)
    assert judged
    found = judged.ranking()[:20]
    rows = judged.rows[found]
    assert len(set(rows.tolist()) & set(flipped.tolist())) >= 19
    assert (judged.proposed[found] == truth[rows]).mean() >= 0.95


def test_thresholds_are_those_of_plain_loops() -> None:
    random = stream(0, "probabilities")
    p, labels = random.dirichlet(np.ones(K), N), random.integers(0, K, N)
    threshold = [np.mean([p[n, k] for n in range(N) if labels[n] == k]) for k in range(K)]
    proposed = []
    for n in range(N):
        confident = [k for k in range(K) if p[n, k] >= threshold[k]]
        proposed.append(max(confident, key=lambda k: p[n, k]) if confident else labels[n])
    judgement = Judgement(np.arange(N), labels, p)
    assert judgement.proposed.tolist() == proposed
    others = [p[n, labels[n]] - max(p[n, k] for k in range(K) if k != labels[n]) for n in range(N)]
    assert judgement.margins == pytest.approx(others)


def test_a_record_does_not_judge_itself() -> None:
    """Features that tell the record, and nothing of its class: within a record they would tell all."""
    random = stream(0, "records")
    records = units(24)
    truth = np.array([int(record[1:]) % 2 for record in records])
    features = np.eye(24)[[int(record[1:]) for record in records]] + 0.01 * random.normal(size=(N, 24))
    together, apart = judge(features, truth, records, 2), judge(features, truth, units(), 2)
    assert together
    assert apart
    assert apart.recall == 1
    assert together.recall < 0.7


def test_classes_in_too_few_records_are_not_judged() -> None:
    features, truth = clusters()
    records = units()
    records[truth == 3] = "one record"
    judged = judge(features, truth, records, K)
    assert judged
    assert set(judged.labels.tolist()) == {0, 1, 2}
    assert judge(features, truth, np.full(N, "one record"), K) is None


def table(**columns: np.ndarray) -> LabelTable:
    cells = pd.DataFrame({"image": [f"{i:03d}.png" for i in range(N)], "record": units(), "split": "", **columns})
    return LabelTable(Path("labels.csv"), tuple(columns), cells.astype(object))


def test_a_museum_that_features_tell_is_a_shortcut() -> None:
    features, truth = clusters(spread=3.0)
    museum = np.array([f"museum {i % 3}" for i in range(N)])
    museum[:5] = ""
    with_museum = np.hstack([features, 3 * np.eye(3)[np.arange(N) % 3]])
    names = np.array([f"class {k}" for k in truth])
    depends = np.where(np.arange(N) % 3 == 0, "a", "b")
    found = learned_checks(table(motif=names, origin=depends), with_museum, "museum", museum)
    group, motif, origin = found.named
    assert (group.column, group.classes, group.group, group.apart) == ("museum", 3, None, None)
    assert group.features == 1
    assert motif.chance == 0.25
    assert motif.group == pytest.approx(0.25, abs=0.1)
    assert (origin.features, origin.group) == (1, 1)
    assert found.missing == ()


def test_what_cannot_be_judged_is_said() -> None:
    features, _ = clusters()
    names = np.array([f"class {min(i, 5)}" for i in range(N)])
    found = learned_checks(table(motif=names), features)
    assert found.missing == ("motif: fewer than two classes are in 5 records, so its labels were not judged.",)
    assert (found.judged, found.labels, found.named) == ((), (), ())


def test_components_keep_what_tells_classes() -> None:
    features, truth = clusters()
    wide = np.hstack([features, np.zeros((N, 3))]).astype(np.float32)
    judged = judge(label_noise.compress(wide), truth, units(), K)
    assert judged
    assert judged.recall > 0.9
