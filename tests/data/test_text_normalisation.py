"""Labels, headings and keys that look alike: one spelling, or a note, or a refusal."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silktune.data import label_table, text_normalisation
from silktune.data.describe import describe
from silktune.errors import DataError
from silktune.settings import Data

Write = Callable[..., Path]
WORD = "Orléans ville"


@pytest.mark.parametrize(
    "text",
    [
        unicodedata.normalize("NFD", WORD),
        WORD.replace(" ", "\u00a0"),
        WORD.replace(" ", "\u2009"),
        WORD.replace(" ", "\u202f"),
        WORD.replace(" ", "\u3000"),
        WORD.replace(" ", "  "),
        f"\u2007{WORD}\u00a0",
        f"\ufeff{WORD}",
        f"{WORD}\u200b",
        f"{WORD}\u200e",
        f"{WORD}\u200d",
        f"{WORD}\u00ad",
        f"{WORD}\u2060 ",
        WORD.replace("v", "\u200bv"),
        WORD.replace("v", "\u200cv"),
        "Orle\u034f\u0301ans ville",
    ],
    ids=ascii,
)
def test_what_is_seen_as_one_label_is_one_class(table: Write, text: str) -> None:
    found = label_table.read(table(f"image,record,{text}\na,{text},{text}\nb,{WORD},{WORD}\nc,r,y\n"))
    assert found.variables == (WORD,)
    assert found.cells[WORD].tolist() == [WORD, WORD, "y"]
    assert found.cells["record"].tolist() == [WORD, WORD, "r"]
    assert found.notes == ()


@pytest.mark.parametrize(
    "code", ["00A0", "2009", "200B", "200C", "200D", "2060", "FEFF", "00AD", "3000", "3164", "2800"]
)
def test_a_cell_of_invisible_characters_is_empty(table: Write, code: str) -> None:
    blank = chr(int(code, 16))
    found = label_table.read(table(f"image,v\na,{blank}\nb,x\nc,y\nd, {blank}{blank} \n")).cells
    assert found["v"].tolist() == ["", "x", "y", ""]
    with pytest.raises(DataError, match="the cell image is empty in line 2"):
        label_table.read(table(f"image,v\n{blank},x\nb,y\n"))


def test_joiners_stay_where_a_script_spells_with_them() -> None:
    word = "می\u200cخواهم"
    assert text_normalisation.normalised(word) == word
    assert text_normalisation.alike(word) == text_normalisation.alike(word.replace("\u200c", ""))


@given(st.text())
def test_one_spelling_is_found_at_once(text: str) -> None:
    assert text_normalisation.normalised(text_normalisation.normalised(text)) == text_normalisation.normalised(text)


def test_classes_that_differ_only_in_case_are_told(table: Write) -> None:
    path = table("image,record,v\na,R1,Damask\nb,r1,damask\nc,r2,damask\nd,r3,DAMASK\ne,r4,x\n")
    assert label_table.read(path).notes == (
        "record: R1 (1 image) and r1 (1 image) differ only in case, but are 2 records, which may go into different "
        "subsets. If they are one, write them alike in the table.",
        "v: DAMASK (1 image) and Damask (1 image) and damask (2 images) differ only in case, but are 3 classes. "
        "If they are one, write them alike in the table.",
    )


@pytest.mark.parametrize(
    ("one", "other"), [("18th-c.", "18th‑c."), ("18–19", "18-19"), ("d'or", "d’or"), ("ﬁl", "fil"), ("ＧＢ", "GB")]
)
def test_classes_that_look_alike_are_told(table: Write, one: str, other: str) -> None:
    (note,) = label_table.read(table(f"image,v\na,{one}\nb,{other}\nc,{other}\n")).notes
    assert f"{one} (1 image)" in note
    assert f"{other} (2 images)" in note
    assert "look alike" in note


@pytest.mark.parametrize("word", ["Background", "BACKGROUND", "backGround"])
def test_background_in_other_letters_is_told_even_alone(table: Write, word: str) -> None:
    said = "is a class like others: only background, in small letters, says that a label is none of the classes "
    said += "of interest."
    rows = f"image,v\na,{word}\nb,x\nc,{word}\nd,y\n"
    assert label_table.read(table(rows)).notes == (f"v: {word} (2 images) {said}",)
    beside = label_table.read(table(rows + "e,background\n")).notes
    assert beside == (f"v: {word} (2 images) beside background (1 image) {said}",)
    counts = table(f"variable,class,count\nv,{word},2\nv,x,1\nv,background,1\n", "counts.csv")
    assert describe(counts, Data()).notes == beside


def test_many_labels_that_look_alike_are_not_all_told(table: Write) -> None:
    rows = "".join(f"{i}{case},{'CcC'[case]}lass{i}\n" for i in range(9) for case in range(2))
    notes = label_table.read(table("image,v\n" + rows)).notes
    assert len(notes) == 6
    assert notes[-1] == "v: 4 more such groups of labels that look alike."


@pytest.mark.parametrize("key", ["image", "record", "split"])
@pytest.mark.parametrize(
    "change", ["{0.upper}", "{0.title}", "_{0}", "{0}:", "{0}.", "#{0}", "'{0}'", "{0} _", "[{0}]"]
)
def test_a_key_in_other_letters_is_asked_about(table: Write, key: str, change: str) -> None:
    heading = {"{0.upper}": key.upper(), "{0.title}": key.title()}.get(change) or change.format(key)
    headings = ",".join(heading if name == key else name for name in ("image", "record", "split", "v"))
    path = table(headings + "\na,r1,train,x\nb,r2,validation,y\nc,r3,test,x\n")
    for variables in ((), ("v",)):
        with pytest.raises(DataError) as caught:
            label_table.read(path, variables)
        assert str(caught.value) == (
            f"{path}: the column {heading}: did you mean {key}? Call it {key}, or otherwise if it is another."
        )


@pytest.mark.parametrize("around", [" {} ", "\u00a0{}", "{}\u200b", "\ufeff{}", "{}\u200d", "\u2009{}\u2009"])
@pytest.mark.parametrize("key", ["image", "record", "split"])
def test_a_key_with_spaces_or_invisible_characters_is_the_key(table: Write, key: str, around: str) -> None:
    headings = "image,record,split,v".replace(key, around.format(key))
    found = label_table.read(table(headings + "\na,r1,train,x\nb,r2,validation,y\nc,r3,test,x\n"))
    assert found.variables == ("v",)
    assert found.cells["split"].tolist() == ["train", "validation", "test"]


def test_a_column_that_may_be_meant_as_a_key_is_told(table: Write) -> None:
    found = label_table.read(table("image,recrod,partition,v\na,r1,Train,x\nb,r2,val,y\nc,r1,test,x\n"))
    assert found.notes == (
        "The column recrod is none of the keys: did you mean record?",
        "The column partition names subsets (test, train, val), but is not used as the split; "
        "it would be if it were called split.",
    )


def test_a_column_called_subset_in_any_letters(table: Write) -> None:
    path = table("image,Subset,v\na,train,x\nb,test,y\n")
    with pytest.raises(DataError, match="no column may be called subset; call it split"):
        label_table.read(path)


def test_letters_that_were_lost_are_told(table: Write) -> None:
    found = label_table.read(table("image,v\na,Orl\ufffdans\nb,y\n"))
    assert found.notes == ("v: letters were lost before, where \ufffd stands: Orl\ufffdans. Export the table anew.",)


def test_headings_that_look_alike(table: Write) -> None:
    found = label_table.read(table("image,Place,place\na,x,x\nb,y,y\n"))
    assert found.notes == ("The columns Place and place look alike, and are two variables.",)
    with pytest.raises(DataError, match="the column place is there 2 times"):
        label_table.read(table("image,place\u200b,place\na,x,x\nb,y,y\n"))


def test_a_variable_is_named_as_it_looks(table: Write) -> None:
    name = unicodedata.normalize("NFD", "matière")
    assert label_table.read(table(f"image,{name}\na,x\nb,y\n"), (name,)).variables == ("matière",)
    assert label_table.read(table("image,matière\na,x\nb,y\n"), (name,)).variables == ("matière",)
