"""The faults that the benchmark plants are found: the short form of `benchmarks.data_check`, on real images."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.data_check import checked, faults_found, pairs_found, with_copies_and_contradictions
from silktune.core import frozen_features
from silktune.data.label_table import read
from tests.data.conftest import REAL


@pytest.mark.slow
def test_copies_and_contradictions_of_real_crests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not REAL.is_dir():
        pytest.skip("there is no real data: shared/data beside the repository is absent")
    monkeypatch.setattr(frozen_features, "at_hand", lambda: False)  # labels and shortcuts take a minute more
    (tmp_path / "planted").mkdir()
    source = read(REAL / "kamon" / "labels.csv")
    made = with_copies_and_contradictions(source, REAL / "kamon" / "images", tmp_path / "planted", 20)
    report, _ = checked(made, tmp_path)
    *_, everything, pairs = pairs_found(report, made)
    assert everything["planted"] == 60
    assert everything["recall"] >= 0.95
    assert pairs["recall"] <= 0.05
    faults = {row["fault"]: (row["planted"], row["found"]) for row in faults_found(report, made)}
    assert faults == {
        "one file under two names": (5, 5), "a record in two subsets": (5, 5), "a class spelled in two ways": (4, 4),
    }  # fmt: skip
