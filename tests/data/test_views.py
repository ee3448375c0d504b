"""One split for all views of a table; images without a label; columns that are no variables."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from silktune.data.dataset import Dataset
from silktune.data.describe import describe
from silktune.data.open_or_prepare import open_or_prepare
from silktune.data.prepare import prepare
from silktune.data.split import split
from silktune.data.variables import SUBSETS
from silktune.errors import DataError
from silktune.settings import Data
from tests.data.conftest import picture, small_set
from tests.data.test_split import table_of

VIEWS = [(), ("colour",), ("shape",), ("shape", "colour")]


def small(*variables: str) -> Data:
    return Data(image_size=16, variables=variables)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """30 images, of which three have no label at all."""
    path = small_set(tmp_path / "set", 30)
    text = path.read_text(encoding="utf-8")
    for row in ("r4,red,", "r10,red,", "r13,blue,"):
        assert row in text
        text = text.replace(row, row[: row.index(",")] + ",,")
    path.write_text(text, encoding="utf-8")
    return path


def test_every_view_has_the_same_split(table: Path, tmp_path: Path) -> None:
    found = [open_or_prepare(table, None, small(*view), tmp_path / "data") for view in VIEWS]
    assert len({(data.folder, data.digest, data.split) for data in found}) == 1
    assert [[v.name for v in data.variables] for data in found[1:]] == [list(view) for view in VIEWS[1:]]
    whole = found[0]
    for data in found:
        assert data.subset.tolist() == whole.subset.tolist()
        for subset in ("train", "validation", "test"):
            assert set(data.rows(subset)) <= set(whole.rows(subset))


def test_images_without_any_label_are_kept_and_no_training_sees_them(table: Path, tmp_path: Path) -> None:
    data = open_or_prepare(table, None, small(), tmp_path / "data")
    unlabelled = np.flatnonzero(data.subset == "")
    assert data.samples["image"].iloc[unlabelled].tolist() == ["004.png", "010.png", "013.png"]
    assert (data.labels[unlabelled] == -1).all()
    assert data.images[unlabelled].any(axis=(1, 2, 3)).all()
    seen = np.concatenate([data.rows(subset) for subset in ("train", "validation", "test")])
    assert sorted([*seen, *unlabelled]) == list(range(30))


def test_they_change_no_split(table: Path, tmp_path: Path) -> None:
    data = open_or_prepare(table, None, small(), tmp_path / "data")
    parts = describe(table, small()).parts
    assert parts is not None
    assert (parts.images, parts.unlabelled, parts.records, dict(parts.rejected)) == (27, 3, 27, {})
    assert parts == describe(data.folder, small()).parts
    assert parts.subsets == {subset: len(data.rows(subset)) for subset in ("train", "validation", "test")}
    view = describe(table, small("shape")).parts
    assert view == describe(data.folder, small("shape")).parts
    assert view is not None
    assert (view.images, view.unlabelled) == (20, 10)


def test_a_given_split_has_them_in_no_subset(tmp_path: Path) -> None:
    given = ["train", "validation", "test"] * 4
    cells = [(f"{i:02d}", f"r{i}", "ab"[i // 3 % 2]) for i in range(12)]
    found = split(table_of([*cells, ("x", "x", "")], ("v",), [*given, "test"]), seed=0, min_records=1)
    assert found.samples["subset"].tolist() == [*given, ""]


BAD = {
    "number": "its classes are too rare to be in all three subsets",
    "kind": "it has only one class",
    "empty": "it has no class",
    "remark": "its text holds control characters or quotation marks",
}


@pytest.fixture
def with_bad_columns(table: Path) -> Path:
    head, *rows = table.read_text(encoding="utf-8").splitlines()
    rows = [f"{row},inv-{i},silk,,“fine”" for i, row in enumerate(rows)]
    (table.parent / "more.csv").write_text("\n".join([f"{head},{','.join(BAD)}", *rows]), encoding="utf-8")
    return table.parent / "more.csv"


def test_columns_that_are_no_variables_have_no_say_in_the_split(
    table: Path, with_bad_columns: Path, tmp_path: Path
) -> None:
    plain = open_or_prepare(table, None, small("colour", "shape"), tmp_path / "data")
    found = open_or_prepare(with_bad_columns, None, small("colour", "shape"), tmp_path / "data")
    assert found.about["unusable"] == BAD
    assert found.split == plain.split
    assert found.subset.tolist() == plain.subset.tolist()
    assert found.notes == (
        "Of the columns of more, these are no variables and have no say in the split: "
        "kind (it has only one class), empty (it has no class), "
        "remark (its text holds control characters or quotation marks), "
        "number (its classes are too rare to be in all three subsets).",
    )
    assert describe(with_bad_columns, small("shape")).notes == found.notes


@pytest.mark.parametrize("name", ["number", "kind", "empty", "remark"])
def test_they_cannot_be_asked_for(with_bad_columns: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=name):
        open_or_prepare(with_bad_columns, None, small("colour", name), tmp_path / "data")


def test_without_a_choice_they_are_complained_of_in_a_table_and_in_what_was_prepared_of_it(
    with_bad_columns: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="the cell remark is in quotation marks"):
        open_or_prepare(with_bad_columns, None, small(), tmp_path / "data")
    folder = prepare(with_bad_columns, None, small("colour"), tmp_path / "data")
    with pytest.raises(DataError) as caught:
        open_or_prepare(folder, None, small(), tmp_path / "data")
    assert str(caught.value).splitlines()[0] == (
        f"{folder}: the column kind is no variable: it has only one class. "
        "Leave it out with data.variables=colour,shape"
    )
    assert len(str(caught.value).splitlines()) == len(BAD)


def test_the_digest_of_a_split_is_of_images_and_subsets_alone(table: Path, tmp_path: Path) -> None:
    def prepared(settings: Data) -> Dataset:
        return Dataset.open(prepare(table, None, settings, tmp_path / "data"))

    before = prepared(small())
    larger = prepared(Data(image_size=17))
    table.write_text(table.read_text(encoding="utf-8").replace("colour,shape", "shade,form"), encoding="utf-8")
    renamed = prepared(small())
    assert len({data.digest for data in (before, larger, renamed)}) == 3
    assert before.split == larger.split == renamed.split
    assert prepared(Data(image_size=16, split_seed=1)).split != before.split
    picture(table.parent / "003.png", name="another")
    assert prepared(small()).split != before.split


def grouped(table: Path, *groups: str) -> Path:
    """The table with a column museum: these groups take turns, ten images each."""
    heading, *rows = table.read_text(encoding="utf-8").splitlines()
    rows = [f"{row},{groups[i // 10 % len(groups)]}" for i, row in enumerate(rows)]
    table.write_text("\n".join([f"{heading},museum", *rows]), encoding="utf-8")
    return table


def by_museum(**more: Any) -> Data:
    return Data(image_size=16, split_by="museum", **more)


class TestSplitByGroups:
    def test_a_group_is_whole_in_a_subset_and_the_column_is_no_variable(self, table: Path, tmp_path: Path) -> None:
        data = open_or_prepare(grouped(table, "a", "b", "c"), None, by_museum(), tmp_path / "data")
        assert [variable.name for variable in data.variables] == ["colour", "shape"]
        seen = [{int(image[:3]) // 10 for image in data.samples["image"].iloc[data.rows(s)]} for s in SUBSETS]
        assert sorted(map(len, seen)) == [1, 1, 1]
        assert set().union(*seen) == {0, 1, 2}
        again = data.split_anew(1)
        assert all(again.samples.groupby(np.arange(30) // 10)["subset"].agg(lambda s: set(s) - {""}).str.len() == 1)

    def test_it_counts_in_the_digest_and_a_class_of_one_group_alone_is_too_rare(
        self, table: Path, tmp_path: Path
    ) -> None:
        grouped(table, "a", "b", "c")
        others = [open_or_prepare(table, None, small("colour"), tmp_path / "data"), open_or_prepare(
            table, None, by_museum(variables=("colour",)), tmp_path / "data")]  # fmt: skip
        assert others[0].digest != others[1].digest
        with pytest.raises(DataError, match=r"the variable museum is left with 0 of the two classes"):
            describe(table, by_museum(variables=("colour", "museum")))

    @pytest.mark.parametrize(
        ("groups", "sentence"),
        [
            (("a", "a", "a"), "has 1 group in this column; three are needed, one for each subset."),
            (("a", "b", "b"), "has 2 groups in this column; three are needed, one for each subset."),
        ],
    )
    def test_too_few_groups_are_a_sentence(self, table: Path, groups: tuple[str, ...], sentence: str) -> None:
        with pytest.raises(DataError) as caught:
            describe(grouped(table, *groups), by_museum())
        assert str(caught.value) == f"data.split_by=museum: {table} {sentence}"

    def test_so_are_a_column_that_is_not_there_and_a_split_that_is_given(self, table: Path) -> None:
        with pytest.raises(DataError, match=r"has no column museum to split by. There is: record, colour, shape."):
            describe(table, by_museum())
        text = grouped(table, "a", "b", "c").read_text(encoding="utf-8").replace("museum", "museum,split")
        subsets = iter(["train", "validation", "test"] * 10)
        lines = [line if "split" in line else f"{line},{next(subsets)}" for line in text.splitlines()]
        table.write_text("\n".join(lines), encoding="utf-8")
        with pytest.raises(DataError, match="has a column split already, by which it is split"):
            describe(table, by_museum())

    def test_so_is_a_record_in_two_groups(self, table: Path) -> None:
        text = grouped(table, "a", "b", "c").read_text(encoding="utf-8").replace("029.png,r29", "029.png,r0")
        table.write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match=r"has images of one record in several groups \(r0\)"):
            describe(table, by_museum())


class TestSplitAnew:
    def test_it_has_the_same_classes_everywhere_and_other_images(self, table: Path, tmp_path: Path) -> None:
        data = open_or_prepare(table, None, small(), tmp_path / "data")
        views = [data.seen(Data(image_size=16, split_seed=seed, variables=("shape", "colour"))) for seed in range(4)]
        assert len({view.split for view in views}) == 4
        for seed, view in enumerate(views):
            assert view.split_seed == seed
            assert set(np.flatnonzero(view.subset == "")) == set(np.flatnonzero(data.subset == ""))
            for subset in SUBSETS:
                rows = view.rows(subset)
                assert len(rows) == view.about["subsets"][subset]
                assert all(set(view.labels[rows, m]) >= {0, 1} for m in range(2))

    def test_of_records_only_whole_ones_change_place_and_another_process_has_the_same(self, tmp_path: Path) -> None:
        path = small_set(tmp_path / "set", 40)
        text = path.read_text(encoding="utf-8")
        for i in range(0, 40, 2):
            text = text.replace(f",r{i + 1},", f",r{i},")
        path.write_text(text, encoding="utf-8")
        view = open_or_prepare(path, None, small(), tmp_path / "data").split_anew(3)
        assert view.samples.groupby("record")["subset"].nunique().max() == 1
        there = pickle.loads(pickle.dumps(view))
        assert (there.subset.tolist(), there.split, there.split_seed) == (view.subset.tolist(), view.split, 3)

    def test_where_a_split_is_given_there_is_no_other(self, table: Path, tmp_path: Path) -> None:
        lines = table.read_text(encoding="utf-8").splitlines()
        given = [f"{line},{(*SUBSETS,)[i // 3 % 3]}" for i, line in enumerate(lines[1:])]
        table.write_text("\n".join([f"{lines[0]},split", *given]), encoding="utf-8")
        with pytest.raises(DataError, match="its split was not drawn"):
            open_or_prepare(table, None, small(), tmp_path / "data").split_anew(1)
