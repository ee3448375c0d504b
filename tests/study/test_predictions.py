"""The file of a tested run's predictions: read as it was written, small, and refused where it cannot be trusted."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from silktune.data.dataset import Dataset
from silktune.errors import ResourceError, StudyError
from silktune.storage import Storage
from silktune.study import predictions
from silktune.study.predictions import Predictions


def some(N: int = 40) -> Predictions:
    """Two images to a record; a variable with background, and one whose name holds dots and commas."""
    chance = np.random.default_rng(0)
    classes = {"place": ("FR", "IT", "background"), "type, main.": ("日本", "x")}
    labels = np.stack([chance.integers(-1, len(names), N) for names in classes.values()], axis=1)
    probabilities = [chance.dirichlet(np.ones(len(names)), N).astype(np.float32) for names in classes.values()]
    images, records = (np.array([f"{i // n:04}.jpg" for i in range(N)], object) for n in (1, 2))
    return Predictions("digest", images, records, classes, labels, tuple(probabilities))


def kept(folder: Path, found: Predictions) -> Path:
    (folder / "run1.parquet").write_bytes(found.content())
    return folder / "run1.parquet"


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    found = some()
    again = Predictions.read(kept(tmp_path, found), "digest")
    assert (again.data, again.classes) == (found.data, found.classes)
    for name in ("images", "records", "labels", "predicted"):
        assert getattr(again, name).tolist() == getattr(found, name).tolist()
    assert all(np.array_equal(a, b) for a, b in zip(again.probabilities, found.probabilities, strict=True))
    assert {each.dtype for each in again.probabilities} == {np.dtype(np.float32)}


def test_any_reader_of_parquet_can_read_it(tmp_path: Path) -> None:
    found = some()
    frame = pd.read_parquet(kept(tmp_path, found))
    assert list(frame) == [
        "image", "record", "label.place", "probabilities.place", "label.type, main.", "probabilities.type, main.",
    ]  # fmt: skip
    assert frame["label.place"].astype(object).where(frame["label.place"].notna(), None).tolist() == [
        ("FR", "IT", "background", None)[label] for label in found.labels[:, 0]
    ]
    assert np.array_equal(np.stack(frame["probabilities.place"].to_list()), found.probabilities[0])


def test_a_run_on_a_thousand_images_takes_a_few_kilobytes_beside_its_probabilities() -> None:
    found = some(1000)
    assert len(found.content()) < sum(each.nbytes for each in found.probabilities) + 10_000


def test_rows_of_a_data_set_are_kept_in_a_place(tiny: Dataset, tmp_path: Path) -> None:
    rows = tiny.rows("test")
    sure = [np.eye(v.outputs, dtype=np.float32)[np.zeros(len(rows), int)] for v in tiny.variables]
    predictions.keep(Predictions.of(tiny, rows, sure), Storage.of(tmp_path))
    found = Predictions.read(tmp_path / predictions.FILE, tiny.digest)
    assert found.labels.tolist() == tiny.labels[rows].tolist()
    assert list(found.classes.values()) == [variable.names for variable in tiny.variables]


def test_no_room_for_it_is_a_sentence(tiny: Dataset, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    none = [np.empty((0, variable.outputs), np.float32) for variable in tiny.variables]
    with pytest.raises(ResourceError, match=r"predictions\.parquet could not be written: .* file stands where"):
        predictions.keep(Predictions.of(tiny, tiny.rows("test")[:0], none), Storage(str(tmp_path / "file")))


AGAIN = r"Delete run1.parquet and run1.json beside it: the same command makes this run again\."


def test_a_torn_file_is_refused(tmp_path: Path) -> None:
    path = kept(tmp_path, some())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(StudyError, match=rf"run1\.parquet: these predictions cannot be read \(.+\)\. {AGAIN}"):
        Predictions.read(path, "digest")


def test_predictions_of_another_data_set_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=rf"another data set \(digest, and the study's is other\)\. {AGAIN}"):
        Predictions.read(kept(tmp_path, some()), "other")


def without_record(found: Predictions) -> Predictions:
    return dataclasses.replace(found, records=np.array([None, *found.records[1:]], object))


def test_an_image_without_a_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=rf"\(1 of 40 rows name no record\)\. {AGAIN}"):
        Predictions.read(kept(tmp_path, without_record(some())), "digest")


def changed(path: Path, table: pa.Table) -> Path:
    parquet.write_table(table, path)
    return path


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda table: table.drop(["record"]), "record"),
        (lambda table: table.drop(["probabilities.place"]), "probabilities.place"),
        (lambda table: table.replace_schema_metadata({}), "it has no metadata of silktune"),
        (lambda table: table.set_column(2, "label.place", pa.array(["DE"] * 40)), "DE"),
        (lambda table: table.set_column(3, "probabilities.place", pa.array([0.5] * 40)), ""),
    ],
)  # fmt: skip
def test_a_file_of_something_else_is_refused(tmp_path: Path, change: Any, why: str) -> None:
    path = kept(tmp_path, some())
    with pytest.raises(StudyError, match=rf"cannot be read \(.*{why}.*\)\. {AGAIN}"):
        Predictions.read(changed(path, change(parquet.read_table(path))), "digest")
