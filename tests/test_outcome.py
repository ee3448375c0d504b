"""Outcomes: JSON both ways to the last digit, flat names, files written whole."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from silktune.errors import StudyError
from silktune.outcome import ClassScores, Confusion, Epoch, Outcome, write_whole
from tests.outcomes import epoch, outcome, scores


def test_json_both_ways_is_exact(tmp_path: Path) -> None:
    first = epoch(1).model_copy(update={"train_loss": {"L": 0.1 + 0.2, "C": 1e-300, "sem": math.pi}, "seconds": 1 / 3})
    made = outcome(0.3, test=0.2).model_copy(update={"epochs": (first, epoch(2)), "seconds": 2 / 3})
    made.write(tmp_path / "deep" / "o.json")
    assert Outcome.read(tmp_path / "deep" / "o.json") == made
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == ["o.json"]


def test_of_many_classes_it_is_lean_on_disk_and_in_memory(tmp_path: Path) -> None:
    """1,000 classes and 600 images: the zeros of a confusion matrix are not written, nor names for every figure."""
    labels = [(k, (k * k) % 1000) for k in range(600)]
    each = tuple(
        ClassScores(name=f"class {k}", precision=1 / 3, recall=None, f1=0.1 + 0.2, support=k, minority=k % 2 == 0)
        for k in range(1000)
    )
    variable = scores(0.3).variables[0].model_copy(update={"classes": each, "confusion": Confusion.count(1000, labels)})
    of_many = scores(0.3).model_copy(update={"variables": (variable,)})
    made = outcome(0.3).model_copy(update={"validation": of_many})
    made.write(tmp_path / "o.json")
    assert Outcome.read(tmp_path / "o.json") == made
    assert (tmp_path / "o.json").stat().st_size < 100_000
    assert len(variable.confusion.counts) == 600


def test_a_confusion_matrix_is_that_of_its_images() -> None:
    counted = Confusion.count(3, [(0, 0), (2, 1), (0, 0), (1, 2)])
    assert counted.matrix().tolist() == [[2, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert Confusion.model_validate(counted.matrix().tolist()) == counted
    assert Confusion.total([counted, Confusion.count(3, [(2, 1), (1, 0)])]).matrix().tolist() == [
        [2, 0, 0], [1, 0, 1], [0, 2, 0],
    ]  # fmt: skip
    assert Confusion.count(2, []).matrix().tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("there", "damaged"),
    [
        ('"confusion":{', '"confusion":[1,{'),
        ('"name":["FR","IT"]', '"name":["FR"]'),
        ('"name":["FR","IT"]', '"name":1'),
    ],
)
def test_a_damaged_outcome_is_a_sentence(tmp_path: Path, there: str, damaged: str) -> None:
    path = tmp_path / "o.json"
    text = outcome(0.3).model_dump_json()
    assert there in text
    path.write_text(text.replace(there, damaged), encoding="utf-8")
    with pytest.raises(StudyError, match="is no outcome of this version of silktune"):
        Outcome.read(path)


def test_what_is_no_number_comes_back(tmp_path: Path) -> None:
    strange = {"L": math.nan, "C": math.inf, "sem": -math.inf}
    read = Epoch.model_validate_json(epoch(1).model_copy(update={"train_loss": strange}).model_dump_json())
    assert repr(read.train_loss) == repr(strange)


def test_in_brief_it_still_says_for_how_long_it_was_trained() -> None:
    brief = outcome(0.3).brief()
    assert (len(brief.epochs), brief.trained, brief.value) == (1, 2, 0.3)
    assert Outcome(state="failed").brief().trained == 0


@pytest.mark.parametrize("text", ["", "{", '{"state": "finished", "colour": 1}', '{"state": "asleep"}', "[]"])
def test_a_file_of_something_else_is_a_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "o.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        Outcome.read(path)
    assert str(caught.value).startswith(f"{path} is no outcome of this version of silktune (")
    assert "\n" not in str(caught.value)


def test_flat_names_of_scores() -> None:
    flat = scores(0.25).flat()
    assert flat == {
        "mean_f1": 0.25, "mean_f1_with_background": 0.125, "OA": 0.5,
        "place.f1": 0.25, "place.f1_with_background": 0.125, "place.OA": 0.5,
        "place.FR.precision": 0.25, "place.FR.f1": 0.25, "place.IT.precision": 0.25, "place.IT.f1": 0.25,
    }  # fmt: skip


def test_flat_names_of_an_epoch_leave_out_classes() -> None:
    assert epoch(2).flat() == {
        "train.loss.L": 0.5, "train.loss.C": 0.25, "validation.loss.L": 0.5, "validation.loss.C": 0.25,
        "validation.mean_f1": 0.2, "validation.mean_f1_with_background": 0.1, "validation.OA": 0.4,
        "validation.place.f1": 0.2, "validation.place.f1_with_background": 0.1, "validation.place.OA": 0.4,
        "seconds": 2.0,
    }  # fmt: skip


def test_the_value_is_that_of_the_validation_set() -> None:
    assert outcome(0.3, test=0.9).value == 0.3
    with pytest.raises(ValueError, match="a trial that failed has no validation scores"):
        _ = Outcome(state="failed").value


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_whole(tmp_path / "a" / "b.txt", "one")
    with pytest.raises(TypeError):
        write_whole(tmp_path / "a" / "b.txt", 2)  # type: ignore[arg-type]
    assert (tmp_path / "a" / "b.txt").read_text(encoding="utf-8") == "one"
    write_whole(tmp_path / "a" / "b.txt", "γ²")
    assert (tmp_path / "a" / "b.txt").read_text(encoding="utf-8") == "γ²"
