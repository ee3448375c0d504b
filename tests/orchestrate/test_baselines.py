"""The baselines of a study: which it can have, and that they are computed once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from silktune.core.activations.key import Key
from silktune.core.activations.store import ActivationStore
from silktune.data.dataset import Dataset
from silktune.data.prepare import prepare
from silktune.data.sample_data.collection import weave
from silktune.orchestrate.baselines import baselines
from silktune.settings import Data, Experiment
from silktune.study.paths import StudyPaths

PLACE = Experiment().with_({"net.trunk": "resnet18", "net.weights": "none", "data.variables": ["place"]})


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    """Of its own, since features are kept beside its images."""
    table = weave(tmp_path / "sample", 60, 0)
    return Dataset.open(prepare(table, None, Data(image_size=32), tmp_path / "data", workers=1))


@pytest.fixture
def paths(tmp_path: Path) -> StudyPaths:
    return StudyPaths(tmp_path / "study")


def keep_features(data: Dataset) -> None:
    view = data.select(["place"])
    store = ActivationStore.of(data.store, Key.of(PLACE, view, 0))
    features = np.eye(view.variables[0].outputs, dtype=np.float32)[view.labels[:, 0]]
    with store.writing() as writer:
        writer.begin(features.shape[1:], {})
        writer.append(data.contents, torch.from_numpy(features))


def test_columns_that_are_no_variable_are_groups(data: Dataset, paths: StudyPaths) -> None:
    found = baselines(data, PLACE, ["place"], paths)
    largest, grouped = found.found
    assert largest.name == "largest class"
    assert grouped.name.startswith("largest class of each ")
    assert grouped.name.split()[-1] in {"time", "technique", "material", "depiction"}
    assert [variable.name for variable in grouped.scores.variables] == ["place"]
    assert len(found.missing) == 1
    assert found.missing[0].startswith("No features are kept")


def test_a_table_whose_columns_are_all_variables_has_no_groups(data: Dataset, paths: StudyPaths) -> None:
    whole = PLACE.with_({"data.variables": []})
    assert [one.name for one in baselines(data, whole, [v.name for v in data.variables], paths).found] == [
        "largest class"
    ]


def test_features_that_are_kept_are_learned_from(data: Dataset, paths: StudyPaths) -> None:
    before = baselines(data, PLACE, ["place"], paths)
    keep_features(data)
    found = baselines(data, PLACE, ["place"], paths)
    assert found.found[:2] == before.found
    assert found.found[2].name == "logistic regression on frozen features"
    assert found.found[2].scores.mean_f1 == 1
    assert found.missing == ()


def test_they_are_computed_once_and_stay_when_the_features_are_gone(data: Dataset, paths: StudyPaths) -> None:
    keep_features(data)
    found = baselines(data, PLACE, ["place"], paths)
    written = paths.baselines.stat().st_mtime_ns
    ActivationStore.of(data.store, Key.of(PLACE, data.select(["place"]), 0)).remove()
    assert baselines(data, PLACE, ["place"], paths) == found
    assert paths.baselines.stat().st_mtime_ns == written
    assert baselines(data, PLACE, ["place", "time"], paths) != found, "another study's"


def test_what_cannot_be_had_ends_no_study(data: Dataset, paths: StudyPaths) -> None:
    missing = PLACE.with_({"net.weights": "/nowhere/weights.pt"})
    found = baselines(data, missing, ["place"], paths)
    assert found.found == ()
    assert found.missing[0].startswith("The baselines could not be computed: ")
    assert not paths.baselines.exists()


def test_a_sheet_has_a_row_each(data: Dataset, paths: StudyPaths) -> None:
    keep_features(data)
    sheet = baselines(data, PLACE, ["place"], paths).sheet()
    assert [row[0].text for row in sheet.rows][2] == "logistic regression on frozen features"
    assert sheet.rows[2][1].text == "100.0"
    assert len(sheet.columns) == len(sheet.rows[0]) == 5
    assert baselines(data, PLACE, ["place"], paths).per_variable("mean_f1").columns == ("", "mean", "place")
