"""A place on a disk, in a bucket, and where fsspec leads: the same promises everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from silktune.errors import ResourceError
from silktune.storage import Storage


@pytest.fixture(params=["folder", "file", "s3", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    if request.param == "s3":
        where = str(request.getfixturevalue("s3"))
    else:
        where = {"folder": str(tmp_path / "a b"), "file": f"file://{tmp_path}/c", "memory": "memory://x"}[request.param]
    made = Storage.of(where) / "MTL^fo+R^all run 1?%#"
    yield made
    made.remove()


class TestEveryPlace:
    def test_gives_back_what_was_written(self, place: Storage) -> None:
        place.write("one.bin", b"\x00\xff")
        place.write("one.bin", memoryview(b"another"))
        assert place.read("one.bin") == b"another"

    def test_says_what_is_in_it(self, place: Storage) -> None:
        assert place.files() == {}
        (place / "below").write("b", b"12")
        place.write("a", b"1")
        place.write("below/c", b"")
        assert place.files() == {"a": 1, "below/b": 2, "below/c": 0}

    def test_knows_no_file_that_is_not_there(self, place: Storage) -> None:
        assert place.read("nothing") is None
        place.remove("nothing")
        place.remove()

    def test_copies_files_from_and_to_the_disk(self, place: Storage, tmp_path: Path) -> None:
        (tmp_path / "big").write_bytes(bytes(range(256)) * 2**17)
        place.store(tmp_path / "big", "there/big")
        place.fetch("there/big", tmp_path / "again")
        assert (tmp_path / "again").read_bytes() == (tmp_path / "big").read_bytes()

    def test_loses_what_is_removed_and_nothing_else(self, place: Storage) -> None:
        place.write("a", b"1")
        (place / "below").write("b", b"2")
        (place / "below").remove()
        assert place.files() == {"a": 1}
        place.remove("a")
        assert place.files() == {}

    def test_is_the_same_wherever_its_name_is_sent(self, place: Storage) -> None:
        place.write("a", b"1")
        assert Storage(place.where).read("a") == b"1"
        assert str(place).endswith("/MTL^fo+R^all run 1?%#")


def test_a_relative_folder_means_the_one_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Storage.of("here") == Storage(str(tmp_path / "here"))


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    place = Storage.of(tmp_path)
    place.write("a", b"1")
    with pytest.raises(TypeError):
        place.write("a", "no bytes")  # type: ignore[arg-type]
    assert place.files() == {"a": 1}


def test_a_bucket_that_is_not_there_is_an_error(s3: str) -> None:
    place = Storage.of(s3.replace("s3://", "s3://no"))
    with pytest.raises(OSError, match="NO_SUCH_BUCKET"):
        place.write("a", b"1")


@pytest.mark.parametrize("where", ["nonsense://a/b", "s3:///no-bucket"])
def test_what_nobody_knows_is_a_sentence(where: str) -> None:
    with pytest.raises(
        ResourceError, match=r"this is no place that can be used \(.*\)\. Give a folder, or s3://bucket"
    ):
        Storage.of(where)


def test_no_password_is_shown() -> None:
    assert str(Storage("s3://key:secret@silk/a%20b?token=secret")) == "s3://silk/a b"
