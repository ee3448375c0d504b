"""Opening a prepared data set, views of it, and what `--data` may name."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from silktune.data.dataset import AGAIN, Dataset
from silktune.data.image_store import FOLDER, ImageStore
from silktune.data.label_table import SUBSETS, UNKNOWN
from silktune.data.open_or_prepare import open_or_prepare
from silktune.data.prepare import prepare
from silktune.errors import DataError
from silktune.settings import Data
from tests.data.conftest import small_set

SMALL = Data(image_size=16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    table = small_set(tmp_path / "set", 24)
    text = table.read_text(encoding="utf-8").replace("r3,blue", "r3,rare")
    table.write_text(text, encoding="utf-8")
    return prepare(table, None, SMALL, tmp_path / "data")


def test_what_a_training_sees(folder: Path) -> None:
    found = Dataset.open(folder)
    assert (found.name, found.digest) == ("set", folder.name)
    assert [variable.names for variable in found.variables] == [("blue", "red", "background"), ("round", "square")]
    assert found.background.tolist() == [2, -1]
    assert (found.labels.shape, found.labels.dtype) == ((24, 2), np.int64)
    assert found.labels[:5].tolist() == [[1, 0], [0, UNKNOWN], [1, 1], [2, 0], [1, UNKNOWN]]
    assert found.colour.shape == (24, 25)
    assert set(found.subset) == {"train", "validation", "test"}


def test_an_image_with_nothing_but_a_rare_class_is_not_in_it(tmp_path: Path) -> None:
    table = small_set(tmp_path, 24)
    table.write_text(
        table.read_text(encoding="utf-8").replace("r7,blue,", "r7,rare,"), encoding="utf-8"
    )  # 007 has no shape
    found = open_or_prepare(table, None, SMALL, tmp_path / "data")
    assert "007.png" not in found.samples["image"].tolist()
    assert len(found.images) == 23


def test_images_are_mapped_and_cannot_be_written(folder: Path) -> None:
    stored = Dataset.open(folder).images
    assert isinstance(stored.pixels, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        stored.pixels[0] = 0


def test_rows_of_the_subsets_are_all_rows_once(folder: Path) -> None:
    found = Dataset.open(folder)
    rows = [found.rows(subset) for subset in ("train", "validation", "test")]
    assert all(r.dtype == np.int64 for r in rows)
    assert sorted(np.concatenate(rows).tolist()) == list(range(24))


def test_a_view_has_fewer_variables_and_the_rows_that_they_label(folder: Path) -> None:
    whole = Dataset.open(folder)
    view = whole.select(["shape"])
    assert [variable.name for variable in view.variables] == ["shape"]
    assert view.images is whole.images
    assert view.background.tolist() == [-1]
    labelled = np.concatenate([view.rows(subset) for subset in ("train", "validation", "test")])
    assert sorted(labelled.tolist()) == [i for i in range(24) if i % 3 != 1]
    assert whole.select(["shape", "colour"]).labels.tolist() == whole.labels[:, ::-1].tolist()


def test_background_is_a_label(folder: Path) -> None:
    view = Dataset.open(folder).select(["colour"])
    rows = np.concatenate([view.rows(subset) for subset in ("train", "validation", "test")])
    assert 3 in rows  # background, by rarity


def test_background_may_be_unknown(folder: Path) -> None:
    whole = Dataset.open(folder)
    unknown = Data(image_size=16, background="unknown")
    view = whole.seen(unknown)
    assert [variable.names for variable in view.variables] == [("blue", "red"), ("round", "square")]
    assert [variable.outputs for variable in view.variables] == [2, 2]
    assert view.background.tolist() == [-1, -1]
    assert whole.labels[3].tolist() == [2, 0]
    assert view.labels[3].tolist() == [UNKNOWN, 0]
    others = np.arange(24) != 3
    assert np.array_equal(view.labels[others], whole.labels[others])
    assert (view.digest, view.split, view.subset.tolist()) == (whole.digest, whole.split, whole.subset.tolist())
    alone = whole.seen(unknown.model_copy(update={"variables": ("colour",)}))
    assert 3 not in np.concatenate([alone.rows(subset) for subset in SUBSETS])
    assert whole.seen(SMALL) is whole


def test_a_view_without_background_is_none_in_another_process(folder: Path) -> None:
    for view in (Dataset.open(folder), Dataset.open(folder).without_background()):
        again = pickle.loads(pickle.dumps(view))
        assert again.variables == view.variables
        assert np.array_equal(again.labels, view.labels)


def test_background_that_is_unknown_prepares_no_other_data_set(tmp_path: Path) -> None:
    table = small_set(tmp_path / "set", 24)
    table.write_text(table.read_text(encoding="utf-8").replace("r3,blue", "r3,rare"), encoding="utf-8")
    unknown = Data(image_size=16, background="unknown")
    first = open_or_prepare(table, None, unknown, tmp_path / "data")
    second = open_or_prepare(table, None, SMALL, tmp_path / "data")
    assert (first.folder, first.digest) == (second.folder, second.digest)
    assert [variable.background for variable in (*first.variables, *second.variables)] == [0, 0, 1, 0]
    folder = open_or_prepare(first.folder, None, unknown, tmp_path / "data")  # and the folder may be named
    assert np.array_equal(folder.labels, first.labels)


def test_a_view_of_what_is_not_there(folder: Path) -> None:
    with pytest.raises(DataError) as caught:
        Dataset.open(folder).select(["shade", "colour", "form"])
    assert str(caught.value).splitlines() == [
        f"data.variables: {folder} has no variable shade. Did you mean shape?",
        f"data.variables: {folder} has no variable form. There is: colour, shape.",
    ]


def test_to_another_process_only_its_name_is_sent(folder: Path) -> None:
    view = Dataset.open(folder).select(["shape"])
    sent = pickle.dumps(view)
    assert len(sent) < 1000
    again = pickle.loads(sent)
    assert isinstance(again.images.pixels, np.memmap)
    assert np.array_equal(again.labels, view.labels)


def test_what_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        Dataset.open(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: this is no prepared data set (there is no dataset.json in it). "
        "Prepare one from a label table: silktune data prepare labels.csv"
    )


def test_another_version(folder: Path) -> None:
    about = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    (folder / "dataset.json").write_text(json.dumps(about | {"version": 99}), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        Dataset.open(folder)
    assert str(caught.value) == (
        f"{folder}: this data set was prepared as version 99; this silktune reads version 2. {AGAIN}"
    )


@pytest.mark.parametrize(
    "name", ["contents.npy", "samples.parquet", "dataset.json", "pixels.bin", "colour.bin", "contents.bin"]
)
@pytest.mark.parametrize("how", ["empty", "half", "absent"])
def test_damage_is_said(folder: Path, name: str, how: str) -> None:
    path = folder / name if not name.endswith(".bin") else ImageStore.of(folder.parent, SMALL).folder / name
    if how == "absent":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 if how == "half" else 0])
    with pytest.raises(DataError) as caught:
        Dataset.open(folder)
    said = str(caught.value)
    assert said.startswith(f"{folder}: this ")
    assert "silktune data prepare labels.csv" in said
    assert "\n" not in said


def test_files_of_different_sizes_are_damage(folder: Path) -> None:
    np.save(folder / "contents.npy", np.zeros((3, 16), np.uint8))
    with pytest.raises(DataError, match=r"damaged \(the sizes of its files differ\)"):
        Dataset.open(folder)


def test_a_table_is_prepared_and_a_folder_opened(tmp_path: Path) -> None:
    table = small_set(tmp_path / "set")
    from_table = open_or_prepare(table, None, SMALL, tmp_path / "data")
    assert open_or_prepare(from_table.folder, None, SMALL, tmp_path / "nowhere").digest == from_table.digest
    assert open_or_prepare(tmp_path / "set", None, SMALL, tmp_path / "data").folder == from_table.folder
    assert not (tmp_path / "nowhere").exists()


def test_its_name_is_that_of_the_table_that_was_given(tmp_path: Path) -> None:
    """Two tables with the same content share what is prepared, not their name."""
    first = small_set(tmp_path / "first", 24)
    second = shutil.copytree(tmp_path / "first", tmp_path / "second") / "labels.csv"
    third = shutil.copy(second, second.with_name("third.csv"))
    tables = {"first": first, "second": second, "third": Path(third)}
    found = {name: open_or_prepare(table, None, SMALL, tmp_path / "data") for name, table in tables.items()}
    assert {name: data.name for name, data in found.items()} == {name: name for name in tables}
    assert open_or_prepare(tmp_path / "second", None, SMALL, tmp_path / "data").name == "second"
    assert len({data.folder for data in found.values()}) == 1


def test_the_variables_of_the_settings_are_seen(folder: Path) -> None:
    found = open_or_prepare(folder, None, Data(image_size=16, variables=("shape",)), folder.parent)
    assert [variable.name for variable in found.variables] == ["shape"]


def test_a_folder_that_was_prepared_otherwise(folder: Path) -> None:
    with pytest.raises(DataError) as caught:
        open_or_prepare(folder, None, Data(image_size=32, min_records=4), folder.parent)
    assert str(caught.value).splitlines() == [
        f"{folder}: it was prepared with data.image_size=16, not 32. "
        "Give its label table instead of the folder, or set data.image_size=16",
        f"{folder}: it was prepared with data.min_records=3, not 4. "
        "Give its label table instead of the folder, or set data.min_records=3",
    ]


def test_data_sets_may_be_moved_with_their_images(folder: Path, tmp_path: Path) -> None:
    moved = Path(shutil.move(folder.parent, tmp_path / "elsewhere"))
    assert Dataset.open(moved / folder.name).digest == folder.name


def test_a_data_set_without_its_images_says_so(folder: Path, tmp_path: Path) -> None:
    moved = Path(shutil.move(folder, tmp_path / "elsewhere"))
    with pytest.raises(DataError) as caught:
        Dataset.open(moved)
    images = tmp_path / FOLDER / "16px-whole-v2"
    assert str(caught.value) == f"{moved}: its images are not beside it: there is no {images}. {AGAIN}"
