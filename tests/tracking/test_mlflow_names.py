from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_metric_name, _validate_param_name, _validate_tag_name

from silktune.tracking.mlflow_names import safe, short


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


def test_a_text_that_is_too_long_is_cut() -> None:
    assert short("abcdef", 4) == "abc…"
