from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_metric_name, _validate_param_name, _validate_tag_name

from silktune.tracking.names import FILE_LENGTH, file_stem, safe, short, text


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("test.place.FR.f1", "test.place.FR.f1"),
        ("test.époque.XVIIIe siècle.f1", "test.époque.XVIIIe siècle.f1"),
        ("place.Naples/Sicily", "place.Naples_2f_Sicily"),
        ("time.≤ 1700", "time._e289a4_ 1700"),
    ],
)
def test_what_mlflow_takes_stays_readable(name: str, made: str) -> None:
    assert safe(name) == made


@given(st.text(min_size=1, max_size=400))
def test_mlflow_takes_any_name(rest: str) -> None:
    name = f"test.{rest}"
    for validate in (_validate_metric_name, _validate_param_name, _validate_tag_name):
        validate(safe(name))


def test_different_names_stay_different() -> None:
    names = ["a/b", "a:b", "a b", "a_b", "a" * 300, "a" * 299 + "b"]
    assert len({safe(name) for name in names}) == len(names)


@given(st.text(min_size=1, max_size=400))
def test_a_file_may_have_any_name(name: str) -> None:
    stem = file_stem(name)
    assert len(stem.encode()) <= FILE_LENGTH
    assert "/" not in stem


def test_long_names_of_files_stay_different() -> None:
    names = ["京" * 96, "京" * 96 + "都", "京" * 95 + "都", "place"]
    assert len({file_stem(name) for name in names}) == len(names)
    assert file_stem("place") == "place"


def test_values_are_text_a_person_would_write() -> None:
    assert [text(value) for value in ((1024, 32), (), ["a", "b"], 1e-4, True, None)] == [
        "[1024, 32]", "[]", "[a, b]", "0.0001", "True", "None",
    ]  # fmt: skip
    assert short("abcdef", 4) == "abc…"
