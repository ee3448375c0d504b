"""A table of counts, a label table and a prepared data set, described."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from silktune.data.describe import describe
from silktune.data.prepare import prepare
from silktune.errors import DataError
from silktune.settings import Data
from tests.data.conftest import small_set
from tests.data.test_statistics import TABLE_1, TABLE_2

BACKGROUND = {"place": 604, "material": 0, "time": 104, "technique": 44, "depiction": 56}
Write = Callable[..., Path]


def counts(write: Write) -> Path:
    rows = [f"{v},{c},{n}" for v, classes in TABLE_1.items() for c, n in classes.items()]
    rows += [f"{v},background,{n}" for v, n in BACKGROUND.items() if n]
    return write("variable,class,count\n" + "\n".join(rows), "p23.csv")


def test_the_counts_of_the_paper_give_its_table(table: Write) -> None:
    found = describe(counts(table), Data())
    assert found.parts is None
    assert len(found.variables) == 5
    for variable in found.variables:
        K, minority, IR, BD = TABLE_2[variable.name]
        of = variable.statistics
        assert (variable.K, of.minority, variable.background) == (K, minority, BACKGROUND[variable.name])
        assert (pytest.approx(IR, abs=0.006), pytest.approx(BD, abs=0.005)) == (of.IR, of.BD)


def test_bad_counts_are_said_line_by_line(table: Write) -> None:
    path = table('variable,class,count\nplace,FR,"7,379"\nplace,GB,3\nplace,GB,4\n,ES,1\nplace,IT,0\n')
    with pytest.raises(DataError) as caught:
        describe(path, Data())
    assert str(caught.value).splitlines() == [
        f"{path}: line 2: place FR: the count is '7,379'; it may be 1, 2, 3, …",
        f"{path}: line 4: place GB: this class was counted above; delete one of the rows.",
        f"{path}: line 5:  ES: the variable or the class is empty; write its name or delete the row.",
        f"{path}: line 6: place IT: the count is '0'; it may be 1, 2, 3, …",
    ]


def test_no_counts(table: Write) -> None:
    path = table("variable,class,count\n")
    with pytest.raises(DataError, match="there is no row below the headings variable, class, count"):
        describe(path, Data())


def test_a_table_and_its_prepared_data_set_are_described_alike(tmp_path: Path) -> None:
    table = small_set(tmp_path / "set", 30)
    table.write_text(
        table.read_text(encoding="utf-8").replace("r7,blue", "r7,rare").replace("r9,blue", "r9,rare"), encoding="utf-8"
    )
    settings = Data(image_size=16)
    from_table = describe(table, settings)
    assert from_table == describe(prepare(table, None, settings, tmp_path / "data"), settings)
    assert from_table == describe(tmp_path / "set", settings)
    parts = from_table.parts
    assert parts is not None
    assert (from_table.name, parts.images, parts.records) == ("set", 29, 29)
    assert parts.became_background == {"colour": {"rare": 2}}
    assert parts.rejected == {"no label but of classes too rare to split": 1}
    assert sum(parts.subsets.values()) == 29
    assert parts.usable.keys() == {"all", "comparable"}
    assert 0 < parts.usable["all"].anchors < parts.usable["comparable"].anchors == 1  # a third have no shape
    assert 0 < parts.usable["all"].triplets < parts.usable["comparable"].triplets < 1
    assert sum(counts["background"] for counts in parts.classes["colour"].values()) == 1
    for variable in from_table.variables:
        for name, count in zip(variable.classes, variable.counts, strict=True):
            assert sum(part[name] for part in parts.classes[variable.name].values()) == count


def test_background_that_is_unknown_is_no_label(tmp_path: Path) -> None:
    table = small_set(tmp_path / "set", 30)
    text = table.read_text(encoding="utf-8").replace("r9,blue", "r9,rare").replace("r4,red", "r4,background")
    table.write_text(text, encoding="utf-8")
    known, unknown = Data(image_size=16), Data(image_size=16, background="unknown")
    as_class, found = describe(table, known), describe(table, unknown)
    assert found == describe(prepare(table, None, known, tmp_path / "data"), unknown)
    assert [variable.background for variable in as_class.variables] == [2, 0]
    assert [variable.background for variable in found.variables] == [0, 0]
    assert [variable.counts for variable in found.variables] == [variable.counts for variable in as_class.variables]
    assert found.parts is not None
    assert as_class.parts is not None
    assert (as_class.parts.images, as_class.parts.unlabelled, as_class.parts.rare_are) == (30, 0, "background")
    assert (found.parts.images, found.parts.unlabelled, found.parts.rare_are) == (29, 1, "unknown")  # r4 has no shape
    assert found.parts.became_background == {"colour": {"rare": 1}}
    assert not any(part["background"] for part in found.parts.classes["colour"].values())


def test_only_the_variables_of_the_settings(tmp_path: Path) -> None:
    table = small_set(tmp_path / "set")
    folder = prepare(table, None, Data(image_size=16), tmp_path / "data")
    for source in (table, folder):
        found = describe(source, Data(image_size=16, variables=("shape",)))
        assert [variable.name for variable in found.variables] == ["shape"]


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="this is no prepared data set"):
        describe(tmp_path, Data())
