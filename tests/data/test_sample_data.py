"""The woven sample: gaps, rare classes, several images per record, and something to learn."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from silktune.data import image_decoding, label_table
from silktune.data.open_or_prepare import open_or_prepare
from silktune.data.sample_data import fabrics
from silktune.data.sample_data.collection import VARIABLES, VERSION, weave
from silktune.data.split import split
from silktune.errors import DataError
from silktune.seeds import stream
from silktune.settings import Data


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weave(tmp_path_factory.mktemp("woven") / "sample", 600, 0)


def read(table: Path) -> pd.DataFrame:
    return pd.read_csv(table, keep_default_na=False)


def test_there_are_as_many_images_as_asked_for(large: Path) -> None:
    found = read(large)
    assert found.columns.tolist() == ["image", "record", *VARIABLES]
    assert len(found) == 600 == len(list((large.parent / "images").iterdir()))
    assert found.groupby("record").size().value_counts().index.tolist() == [1, 2, 3]
    for name in found["image"][:20]:
        assert all(160 <= side < 200 for side in image_decoding.read(large.parent / "images" / name).shape[:2])


def test_labels_are_missing_much_as_in_the_paper(large: Path) -> None:
    found = read(large)
    unknown = {name: (found[name] == "").mean() for name in VARIABLES}
    expected = {"place": 0.25, "time": 0.40, "technique": 0.60, "material": 0.25, "depiction": 0.75}
    assert unknown == pytest.approx(expected, abs=0.04)
    assert (found[list(VARIABLES)] != "").any(axis=1).all()
    assert (found[list(VARIABLES)] == "").any(axis=1).mean() > 0.9


def test_classes_are_unequal_but_can_be_split(large: Path) -> None:
    found = split(label_table.read(large), seed=0, min_records=3)
    assert found.backgrounds == {}
    assert [variable.K for variable in found.variables] == [6, 4, 4, 3, 5]
    for variable in found.variables:
        assert 5 < variable.statistics.IR < 25
        records = found.samples[found.samples[variable.name] != ""].groupby(variable.name)["record"].nunique()
        assert records.min() >= 8


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("number", [60, 97])
def test_small_samples_can_be_split_too(number: int, seed: int, tmp_path: Path) -> None:
    found = split(label_table.read(weave(tmp_path / "s", number, seed)), seed=0, min_records=3)
    assert [variable.K for variable in found.variables] == [6, 4, 4, 3, 5]
    assert len(found.samples) == number


def test_the_seed_decides(tmp_path: Path) -> None:
    folders = [weave(tmp_path / name, 60, seed).parent for name, seed in [("a", 0), ("b", 0), ("c", 1)]]
    contents = [{path.name: path.read_bytes() for path in folder.rglob("*.*")} for folder in folders]
    assert contents[0] == contents[1]
    assert len(contents[0]) == 62
    assert contents[0] != contents[2]


def test_two_photographs_of_a_cloth_differ() -> None:
    classes = {"place": "GB", "time": "19th_century", "technique": "tabby", "material": "animal_fibre"}
    cloth = fabrics.Cloth.of(classes | {"depiction": "flower"}, stream(0, "cloth"))
    one, two = (fabrics.photograph(cloth, stream(0, "photograph", view)) for view in (1, 2))
    assert one.shape != two.shape or not np.array_equal(one, two)
    assert np.array_equal(one, fabrics.photograph(cloth, stream(0, "photograph", 1)))


def test_woven_again_it_is_found(tmp_path: Path) -> None:
    first = weave(tmp_path / "s", 60, 0)
    times = {path: path.stat().st_mtime_ns for path in first.parent.rglob("*")}
    assert weave(tmp_path / "s", 60, 0) == first
    assert {path: path.stat().st_mtime_ns for path in first.parent.rglob("*")} == times
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    weave(tmp_path / "s", 60, 0)
    with pytest.raises(DataError) as caught:
        weave(tmp_path / "s", 61, 0)
    assert str(caught.value) == (
        f"{tmp_path}/s: a sample of 60 images with seed 0 is there already, and nothing is overwritten. "
        "Name another folder, or delete it."
    )
    marker = tmp_path / "s" / "sample.json"
    marker.write_text(
        marker.read_text(encoding="utf-8").replace(f'"version": {VERSION}', '"version": 0'), encoding="utf-8"
    )
    with pytest.raises(DataError, match="of 60 images with seed 0, woven by another version of silktune, is there"):
        weave(tmp_path / "s", 60, 0)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all", encoding="utf-8")
    with pytest.raises(DataError, match="mine: something else is there already, and nothing is overwritten"):
        weave(tmp_path / "mine", 60, 0)
    assert (tmp_path / "mine" / "thesis.txt").read_text(encoding="utf-8") == "all"


def test_an_empty_folder_is_as_good_as_none_and_a_torn_one_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / ".s.part").mkdir()
    (tmp_path / ".s.part" / "labels.csv").write_text("half", encoding="utf-8")
    assert len(read(weave(tmp_path / "s", 60, 0))) == 60


def test_too_few_images(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        weave(tmp_path / "s", 59, 0)
    assert str(caught.value) == (
        "59 images are too few for a sample: every class has to be in three subsets. Ask for 60 or more with --images."
    )


def test_there_is_something_to_learn(large: Path, tmp_path: Path) -> None:
    """Colour says the place, the finest detail the weave; a linear model finds both, from a third of the labels."""
    found = open_or_prepare(large, None, Data(image_size=64), tmp_path)
    grey = np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in found.images]).astype(np.float32)
    spectrum = np.log1p(np.abs(np.fft.fft2(grey))[:, :32].reshape(-1, 8, 4, 16, 4).mean(axis=(2, 4)))
    features = {"place": found.colour, "technique": spectrum.reshape(len(grey), -1)}
    for column, variable in enumerate(found.variables):
        if variable.name in features:
            X, y = features[variable.name], found.labels[:, column]
            train, test = (rows[y[rows] >= 0] for rows in (found.rows("train"), found.rows("test")))
            model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=300))
            predicted = model.fit(X[train], y[train]).predict(X[test])
            chance = f1_score(y[test], np.full(len(test), np.bincount(y[train]).argmax()), average="macro")
            assert f1_score(y[test], predicted, average="macro") > chance + 0.3, variable.name
