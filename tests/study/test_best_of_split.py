"""The winner of a search is the base of a table on the same split only."""

from __future__ import annotations

from pathlib import Path

import pytest

from silktune.data.dataset import Dataset
from silktune.data.open_or_prepare import open_or_prepare
from silktune.data.prepare import prepare
from silktune.data.sample_data.collection import weave
from silktune.errors import StudyError
from silktune.orchestrate import ablate
from silktune.settings import Data, Experiment
from silktune.study import ablation
from silktune.study.ablation.table_model import Table
from silktune.study.data_facts import Facts
from silktune.study.metadata import Metadata
from silktune.study.paths import StudyPaths
from silktune.study.search_report import settings_yaml
from tests.data.conftest import small_set

SMALL = {"data.image_size": 16, "net.trunk": "resnet18", "net.weights": "none", "train.batch_size": 4}


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return small_set(tmp_path / "set", 24)


def prepared(labels: Path, **settings: int) -> Dataset:
    return Dataset.open(prepare(labels, None, Data(**({"image_size": 16} | settings)), labels.parents[1] / "data"))


def search(folder: Path, data: Dataset) -> Path:
    """A study's folder with what a search leaves there of its winner and its data set."""
    folder.mkdir()
    Metadata(tags={}, params={}, data=Facts.of(data), folder=data.folder).write(StudyPaths(folder))
    (folder / "winner.yaml").write_text(settings_yaml(Experiment().with_(SMALL), "The winner."), encoding="utf-8")
    return folder


def table(search: Path) -> Table:
    path = search.parent / "rows.yaml"
    text = "question: Which?\nbase: {id: best, best_of: %s}\nrows: [{id: A, set: {loss.gamma: 1}}]"
    path.write_text(text % search, encoding="utf-8")
    return ablation.load(path)


def test_on_the_same_split_it_is_taken(labels: Path, tmp_path: Path) -> None:
    folder = search(tmp_path / "a-search", prepared(labels))
    for best in (folder, folder / "winner.yaml"):
        for data in (prepared(labels), prepared(labels, image_size=17)):
            ablate.check(table(best), data, "cpu")


def test_on_another_split_it_is_refused(labels: Path, tmp_path: Path) -> None:
    data = prepared(labels, split_seed=1)
    folder = search(tmp_path / "a-search", data)
    for best in (folder, folder / "winner.yaml"):
        with pytest.raises(StudyError) as caught:
            ablate.check(table(best), prepared(labels), "cpu")
        assert str(caught.value) == (
            f"base: best_of: {folder} chose its settings on another split than that of set, so images that are tested "
            "here may have been learned from there: 15/5/4 images for train, validation, test there, 14/5/5 here; "
            "data.split_seed is 1 there, 0 here. "
            f"Search again on this data set, or compare on that one: --data {data.folder}"
        )


def test_what_differs_is_said(labels: Path, tmp_path: Path) -> None:
    first = prepared(labels)
    folder = search(tmp_path / "a-search", first)
    small_set(tmp_path / "set", 34)
    sizes = "/".join(str(n) for n in first.about["subsets"].values())
    with pytest.raises(StudyError, match=rf": {sizes} images for train, validation, test there, \d+/\d+/\d+ here\. "):
        ablate.check(table(folder), prepared(labels), "cpu")


def test_a_study_that_does_not_say_its_split(labels: Path, tmp_path: Path) -> None:
    data = prepared(labels)
    folder = search(tmp_path / "a-search", data)
    facts = Facts.of(data).model_copy(update={"split": None})
    Metadata(tags={}, params={}, data=facts, folder=data.folder).write(StudyPaths(folder))
    with pytest.raises(StudyError, match=r"a-search does not say on which split it was searched\. Search again\."):
        ablate.check(table(folder), data, "cpu")


def test_a_file_alone_is_taken_at_its_word(labels: Path, tmp_path: Path) -> None:
    (tmp_path / "winner.yaml").write_text(settings_yaml(Experiment().with_(SMALL), "Of old."), encoding="utf-8")
    ablate.check(table(tmp_path / "winner.yaml"), prepared(labels), "cpu")


def test_searches_and_tables_of_all_kinds_test_on_the_same_images(tmp_path: Path) -> None:
    """p22 has a network for each of some variables, p23 one for all; the search looks at two of them."""
    labels, size = weave(tmp_path / "sample", 60, 0), {"data.image_size": 16}
    asked = [
        Experiment().with_(size | {"data.variables": ("time", "place")}).data,
        ablation.load("p23", size).base.data,
        ablation.load("p22", size, variables=("place", "material")).base.data,
    ]
    assert [data.variables for data in asked] == [("time", "place"), (), ("place", "material")]
    found = [open_or_prepare(labels, None, data, tmp_path / "data") for data in asked]
    assert len({(data.split, data.digest) for data in found}) == 1
    tested = [set(data.rows("test")) for data in found]
    assert tested[0] | tested[2] <= tested[1]
    assert not any(rows & (set(found[1].rows("train")) | set(found[1].rows("validation"))) for rows in tested)


def test_a_table_with_several_splits_cannot_have_it(labels: Path, tmp_path: Path) -> None:
    data = prepared(labels)
    several = table(search(tmp_path / "a-search", data)).model_copy(update={"splits": 2})
    with pytest.raises(StudyError, match=r"chose its settings on one split.* Take splits: 1 instead of 2"):
        ablate.check(several, data, "cpu")
