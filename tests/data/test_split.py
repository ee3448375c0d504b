"""The split by record, and the classes that are too rare for it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from silktune.data import label_table
from silktune.data.label_table import BACKGROUND, SUBSETS, LabelTable
from silktune.data.split import Split, split
from silktune.data.stratified_draw import ONE_BY_ONE
from silktune.errors import DataError
from silktune.settings import Data

HERE = Path("labels.csv")


def table_of(rows: list[tuple[str, ...]], names: tuple[str, ...], given: list[str] | None = None) -> LabelTable:
    """Rows of image, record and one cell per variable."""
    cells = pd.DataFrame(rows, columns=["image", "record", *names], dtype=object)
    cells.insert(2, "split", given or "")
    return LabelTable(HERE, names, cells.sort_values("image").reset_index(drop=True))


def draw(table: LabelTable, seed: int = 0, min_records: int = 3) -> Split:
    return split(table, seed=seed, min_records=min_records)


@st.composite
def tables(draw_from: st.DrawFn) -> LabelTable:
    """Records of one to four images, two variables, gaps and background; two classes large enough to remain."""
    records = draw_from(st.integers(12, 40))
    rows = []
    for r in range(records):
        for i in range(draw_from(st.integers(1, 4))):
            first = "ab"[r % 2] if r < 12 else draw_from(st.sampled_from(["a", "b", "c", "d", "", BACKGROUND]))
            second = "xy"[r // 2 % 2] if r < 12 else draw_from(st.sampled_from(["x", "y", "z", "", "rare"]))
            rows.append((f"{r:03d}_{i}", f"r{r}", first, second))
    return table_of(rows, ("first", "second"))


@settings(max_examples=60, deadline=None)
@given(tables(), st.integers(0, 5))
def test_no_record_is_torn_and_every_class_is_everywhere(table: LabelTable, seed: int) -> None:
    found = draw(table, seed)
    samples = found.samples
    seen = samples[samples["subset"] != ""]
    assert seen.groupby("record")["subset"].nunique().max() == 1
    unlabelled = (samples[list(table.variables)] == "").all(axis=1)
    assert (unlabelled == (samples["subset"] == "")).all()
    for variable in found.variables:
        assert variable.K >= 2
        for name in variable.classes:
            assert set(samples.loc[samples[variable.name] == name, "subset"]) == set(SUBSETS)
            assert samples.loc[samples[variable.name] == name, "record"].nunique() >= 3


@settings(max_examples=40, deadline=None)
@given(tables(), st.integers(0, 5))
def test_nothing_is_lost_and_labels_change_to_background_only(table: LabelTable, seed: int) -> None:
    found = draw(table, seed)
    rejected = {image for image, _ in found.rejected}
    assert sorted([*found.samples["image"], *rejected]) == table.cells["image"].tolist()
    before = table.cells.set_index("image").loc[found.samples["image"]]
    for name in table.variables:
        was, now = before[name].to_numpy(), found.samples[name].to_numpy()
        changed = was != now
        assert set(now[changed]) <= {BACKGROUND}
        assert set(was[changed]) == set(found.backgrounds.get(name, {})) & set(was)


@settings(max_examples=30, deadline=None)
@given(tables(), st.integers(0, 5), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(table: LabelTable, seed: int, chance: Random) -> None:
    rows = table.cells.drop(columns="split").to_numpy().tolist()
    chance.shuffle(rows)
    again = draw(table_of([tuple(row) for row in rows], table.variables), seed)
    pd.testing.assert_frame_equal(draw(table, seed).samples, again.samples)


def test_the_seed_decides() -> None:
    table = table_of([(f"{i:03d}", f"r{i}", "ab"[i % 2]) for i in range(100)], ("v",))
    subsets = [draw(table, seed).samples["subset"].tolist() for seed in (0, 0, 1)]
    assert subsets[0] == subsets[1] != subsets[2]


def test_shares_are_sixty_twenty_twenty() -> None:
    rows = [(f"{i:04d}", f"r{i}", "aaaaabbbcd"[i % 10]) for i in range(1000)]
    samples = draw(table_of(rows, ("v",))).samples
    for name, count in {"a": 500, "b": 300, "c": 100, "d": 100}.items():
        found = samples.loc[samples["v"] == name, "subset"].value_counts()
        assert {s: found[s] / count for s in SUBSETS} == {"train": 0.6, "validation": 0.2, "test": 0.2}


def test_a_large_record_is_for_training() -> None:
    """One record of 100 images, 100 records of one: the others are shared out around it."""
    rows = [(f"big{i:03d}", "big", "a") for i in range(100)] + [(f"{i:03d}", f"r{i}", "ab"[i % 2]) for i in range(100)]
    samples = draw(table_of(rows, ("v",))).samples
    assert set(samples.loc[samples["record"] == "big", "subset"]) == {"train"}
    assert samples["subset"].value_counts()["train"] / 200 == pytest.approx(0.6, abs=0.06)
    b = samples.loc[samples["v"] == "b", "subset"].value_counts()
    assert b.to_dict() == {"train": 30, "validation": 10, "test": 10}


def test_rare_classes_become_background_and_images_with_nothing_else_are_left_out() -> None:
    rows = [(f"{i:02d}", f"r{i}", "ab"[i % 2], "xy"[i // 2 % 2]) for i in range(20)]
    rows += [("p", "p", "rare", "x"), ("q", "q", "rare", ""), ("s", "s", "", ""), ("t", "t", BACKGROUND, "")]
    found = draw(table_of(rows, ("v", "w")))
    assert found.backgrounds == {"v": {"rare": 2}}
    assert dict(found.rejected) == {"q": "no label but of classes too rare to split: v rare"}
    kept = found.samples.set_index("image")
    assert kept.loc["s"].tolist() == ["s", "", "", ""]
    assert kept.loc["p", "v"] == BACKGROUND
    assert kept.loc["t", "v"] == BACKGROUND
    assert found.variables[0].background == 2


def test_a_record_that_skews_the_split_is_told() -> None:
    rows = [(f"big{i:03d}", "big", "ab"[i % 2]) for i in range(500)]
    rows += [(f"{i:03d}", f"r{i}", "ab"[i % 2]) for i in range(100)]
    assert draw(table_of(rows, ("v",))).notes == (
        "Large records skew the split: of 600 images, 500 of record big belong together, so it is 84% train, "
        "8% validation, 8% test instead of 60%, 20%, 20%.",
    )
    several = [(f"{i:03d}", f"r{i % 4}" if i < 240 else f"s{i}", "ab"[i // 4 % 2]) for i in range(248)]
    (note,) = draw(table_of(several, ("v",))).notes
    assert "of 248 images, 60 of record r0, 60 of record r1, 60 of record r2 and 1 more belong together" in note


def test_a_split_without_large_records_or_with_its_shares_needs_no_note() -> None:
    single = [(f"{i:03d}", f"r{i}", "ab"[i % 2]) for i in range(9)]
    large = [(f"{i:03d}", f"r{i}" if i > 30 else "big", "ab"[i % 2]) for i in range(100)]
    for rows in (single, large):
        assert draw(table_of(rows, ("v",))).notes == ()


def test_a_given_split_is_not_called_skewed() -> None:
    given_split = ["train"] * 8 + ["validation"] * 2 + ["test"] * 2
    rows = [(f"{i:02d}", "big" if i < 6 else f"r{i}", "ab"[i % 2]) for i in range(12)]
    assert draw(table_of(rows, ("v",), given_split), min_records=1).notes == ()


def test_min_records_is_the_limit() -> None:
    rows = [(f"{i:02d}", f"r{i}", "aaaabbbc"[i % 8]) for i in range(40)]
    assert draw(table_of(rows, ("v",)), min_records=5).backgrounds == {}
    assert draw(table_of(rows, ("v",)), min_records=6).backgrounds == {"v": {"c": 5}}


def test_images_of_one_record_do_not_make_a_class_frequent() -> None:
    rows = [(f"{i:02d}", f"r{i}", "ab"[i % 2]) for i in range(20)] + [(f"c{i}", f"c{i % 2}", "c") for i in range(30)]
    assert draw(table_of(rows, ("v",))).backgrounds == {"v": {"c": 2}}


def test_a_class_whose_records_are_wanted_by_others_is_covered_all_the_same() -> None:
    """The records of d are also those of c and e: rarest first alone leaves d without one for some subset."""
    cells = [("c", "d", ""), ("c", "", ""), ("c", "", ""), ("", "d", "e"), ("", "", "e"), ("", "", "e"), ("", "d", "")]
    rows = [(f"{i}", f"r{i}", *row) for i, row in enumerate(cells)]
    rows += [(f"z{i}", f"z{i}", "other", "other", "other") for i in range(9)]
    for seed in range(50):
        found = draw(table_of(rows, ("one", "two", "three")), seed)
        assert found.backgrounds == {}, seed


def test_a_class_that_cannot_be_covered_becomes_background() -> None:
    """Three records, but both variables want them apart from others: at the end no error, but background."""
    rows = [(f"{i:02d}", f"r{i % 4}", f"c{i % 3}", f"k{i % 5}") for i in range(60)]
    found = draw(table_of(rows, ("v", "w")))
    for variable in found.variables:
        for name in variable.classes:
            assert set(found.samples.loc[found.samples[variable.name] == name, "subset"]) == set(SUBSETS)


def test_a_variable_without_two_splittable_classes_is_an_error() -> None:
    rows = [(f"{i:02d}", f"r{i}", "a" if i < 18 else f"only{i}", "xy"[i % 2]) for i in range(20)]
    with pytest.raises(DataError) as caught:
        draw(table_of(rows, ("v", "w")))
    assert str(caught.value) == (
        "labels.csv: the variable v is left with 1 of the two classes it needs, since these are too rare to be in "
        "all three subsets: only18 (1 record), only19 (1 record). "
        "Label more images, or leave it out with data.variables=w"
    )


def test_a_column_of_text_has_no_say_and_cannot_be_asked_for() -> None:
    """Three records for each of 200 texts would want a third of all images in each subset."""
    rows = [(f"{i:03d}", f"r{i}", "ab"[i % 2], f"text {i * 7 % 600 // 3}") for i in range(600)]
    table = replace(table_of(rows, ("v", "text")), asked=("v",))
    found = draw(table)
    reason = "it has 200 classes of 3.0 records on average, as text has"
    assert found.unusable == {"text": reason}
    assert found.samples["subset"].value_counts().to_dict() == {"train": 360, "validation": 120, "test": 120}
    assert draw(table.without({"text": reason})).samples["subset"].tolist() == found.samples["subset"].tolist()
    with pytest.raises(DataError) as caught:
        draw(replace(table, asked=()))
    assert str(caught.value) == (
        f"labels.csv: the variable text: {reason}. Label more images, or leave it out with data.variables=v"
    )


def test_many_classes_that_cannot_be_covered_are_no_matter() -> None:
    """Two columns of 100 classes with three records each that they want apart."""
    rows = [(f"{i:03d}", f"r{i}", f"a{i // 3}", f"b{i * 103 % 300 // 3}") for i in range(300)]
    found = draw(table_of(rows, ("v", "w")))
    assert sum(map(len, found.backgrounds.values())) > ONE_BY_ONE
    for variable in found.variables:
        for name in variable.classes:
            assert set(found.samples.loc[found.samples[variable.name] == name, "subset"]) == set(SUBSETS)


def test_a_given_split_is_kept_and_what_it_does_not_cover_is_background() -> None:
    rows = [(f"{i:02d}", f"r{i}", "ab"[i % 2] if i < 27 else "c") for i in range(30)]
    given_split = [SUBSETS[i % 3] if i < 27 else "train" for i in range(30)]
    found = draw(table_of(rows, ("v",), given_split))
    assert found.backgrounds == {"v": {"c": 3}}
    assert found.samples["subset"].tolist() == given_split[:27]
    assert [image for image, _ in found.rejected] == ["27", "28", "29"]


def test_background_is_in_every_subset_where_it_can_be() -> None:
    rows = [(f"{i:02d}", f"r{i}", "ab"[i % 2], "xy"[i // 2 % 2]) for i in range(60)]
    rows += [(f"rare{i}", f"rare{i}", f"rare{i}", "x") for i in range(10)]
    samples = draw(table_of(rows, ("v", "w"))).samples
    found = samples.loc[samples["v"] == BACKGROUND, "subset"].value_counts()
    assert found.to_dict() == {"train": 6, "validation": 2, "test": 2}


def test_kamon(real: Path) -> None:
    found = draw(label_table.read(real / "kamon" / "labels.csv"))
    assert len(found.samples) == 1002
    assert found.backgrounds == {
        "arrangement": {"chasing": 1, "hanging": 2, "overlapped": 2, "right-turning": 2, "rising": 1}
    }
    assert {v.name: v.K for v in found.variables} == {
        "motif": 44, "category": 6, "enclosure": 6, "number": 10, "arrangement": 12,
    }  # fmt: skip
    _check_real(found, 0.015)


def test_silknow_is_split_in_seconds(real: Path) -> None:
    path = real / "silknow-labels" / "labels.csv"
    table = label_table.read(path, ("place", "timespan", "technique", "material"))
    published = draw(table)
    assert published.samples["subset"].value_counts().to_dict() == {"train": 21465, "validation": 7476, "test": 7102}
    bare = LabelTable(path, table.variables, table.cells.assign(split=""))
    begin = time.perf_counter()
    found = draw(bare)
    assert time.perf_counter() - begin < 5
    assert found.backgrounds == {}
    _check_real(found, 0.01)


def _check_real(found: Split, tolerance: float) -> None:
    shares = found.samples["subset"].value_counts(normalize=True)
    assert np.allclose([shares[s] for s in SUBSETS], [0.6, 0.2, 0.2], atol=tolerance)
    assert found.samples.groupby("record")["subset"].nunique().max() == 1
    for variable in found.variables:
        for name in variable.classes:
            assert set(found.samples.loc[found.samples[variable.name] == name, "subset"]) == set(SUBSETS)


def test_the_default_needs_three_records() -> None:
    assert Data().min_records == 3
