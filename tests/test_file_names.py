"""Names of files: readable, bounded in bytes, one for each name."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from silktune.safe_names import LONGEST, file_name, readable_part


@pytest.mark.parametrize("name", ["place", "époque", "絹", "gamma=0.5-nn_jfc", "2020", "a.b"])
def test_most_names_are_their_files(name: str) -> None:
    assert file_name(name) == name


@pytest.mark.parametrize(
    ("name", "begins"),
    [("Place", "Place-"), ("a b", "a-b-"), ("../../etc/passwd", "etc-passwd-"), ("..", "name-"), ("", "name-"),
     (".hidden", "hidden-"), ("a/b\0c\nd", "a-b-c-d-"), ("絹" * 96, "絹" * 26 + "-")],
)  # fmt: skip
def test_others_are_readable_and_have_a_digest(name: str, begins: str) -> None:
    assert re.fullmatch(re.escape(begins) + "[0-9a-f]{16}", file_name(name))


@given(st.text(max_size=300) | st.text(alphabet="絹é🧵", min_size=90, max_size=120))
def test_a_file_can_have_that_name(name: str) -> None:
    made = file_name(name)
    assert 0 < len(made.encode()) <= LONGEST
    assert re.fullmatch(r"[\w+=-][\w.+=-]*", made)


@given(st.text(max_size=12), st.text(max_size=12))
@example("a/b", "a_2f_b")
@example("a", "A")
@example("\u00e9", "e\u0301")
@example("x" * 200, "x" * 201)
def test_two_names_are_two_files_whatever_the_case_or_the_composition(one: str, other: str) -> None:
    files = {unicodedata.normalize("NFD", file_name(name)).casefold() for name in (one, other, file_name(one))}
    assert len(files) == len({one, other, file_name(one)})


def test_a_name_of_96_japanese_characters_is_a_file(tmp_path: Path) -> None:
    (tmp_path / f".confusion-{file_name('絹' * 96)}.png.part").write_bytes(b"")


def test_readable_alone_may_be_empty() -> None:
    assert readable_part("../..") == ""
