"""A study's copy in a storage: whoever finds it as it was at any moment can go on with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from silktune.errors import ResourceError, StudyError
from silktune.storage import Storage
from silktune.study.mirror import Mirror, restore
from silktune.study.paths import StudyPaths
from tests.outcomes import outcome


def study(folder: Path, storage: Storage, name: str = "silk") -> StudyPaths:
    return StudyPaths(folder / name, storage)


def begun(folder: Path, storage: Storage) -> StudyPaths:
    """A study with an outcome, a journal, a picture, a trial's model and things of the moment."""
    paths = study(folder, storage)
    outcome(0.5).write(paths.outcome("t000"))
    for name, content in {
        "plan.json": json.dumps({"study_id": "one"}), "journal.log": "1\n", "figures/a.png": "picture",
        "trials/t000/model/model.json": "weights", ".lock": "4711", ".ray/tune/x": "Ray's",
    }.items():  # fmt: skip
        (paths.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (paths.folder / name).write_text(content, encoding="utf-8")
    return paths


def contents(paths: StudyPaths) -> dict[str, str]:
    return {
        str(p.relative_to(paths.folder)): p.read_text(encoding="utf-8")
        for p in sorted(paths.folder.rglob("*"))
        if p.is_file()
    }


def silent(sentence: str) -> None:
    raise AssertionError(sentence)


def test_another_machine_goes_on_with_it(storage: Storage, tmp_path: Path) -> None:
    paths = begun(tmp_path / "a", storage)
    Mirror(paths, silent).update()
    other = study(tmp_path / "b", storage)
    restore(other)
    moment = {".lock", ".ray/tune/x", "trials/t000/model/model.json"}
    assert contents(other) == {name: text for name, text in contents(paths).items() if name not in moment}


def test_only_what_has_changed_is_copied(tmp_path: Path) -> None:
    storage = Storage.of(tmp_path / "kept")
    paths = begun(tmp_path / "a", storage)
    mirror = Mirror(paths, silent)
    mirror.update()
    for name in storage.files():
        storage.write(name, b"untouched")
    with paths.journal.open("a", encoding="utf-8") as file:
        file.write("2\n")
    outcome(0.6).write(paths.outcome("t001"))
    mirror.update()
    changed = {name for name in storage.files() if storage.read(name) != b"untouched"}
    assert changed == {"silk/journal.log", "silk/outcomes/t001.json"}


def test_predictions_are_there_before_their_outcome(tmp_path: Path) -> None:
    paths = begun(tmp_path / "a", Storage.of(tmp_path / "kept"))
    paths.predictions("t000").write_bytes(b"predictions")
    Mirror(paths, silent).update()
    there = tmp_path / "kept/silk/outcomes"
    assert (there / "t000.parquet").stat().st_mtime_ns < (there / "t000.json").stat().st_mtime_ns


def test_a_new_start_does_not_copy_the_outcomes_again(tmp_path: Path) -> None:
    storage = Storage.of(tmp_path / "kept")
    paths = begun(tmp_path / "a", storage)
    Mirror(paths, silent).update()
    before = (tmp_path / "kept/silk/outcomes/t000.json").stat().st_mtime_ns
    Mirror(paths, silent).update()
    assert (tmp_path / "kept/silk/outcomes/t000.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("last", range(1, 5))
def test_a_copy_that_broke_off_anywhere_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    """Whatever part of it was copied: no journal knows of an outcome that is not there."""
    paths = begun(tmp_path / "a", Storage.of(tmp_path / "kept"))
    copied: list[str] = []
    store = Storage.store

    def counted(place: Storage, path: Path, name: str) -> None:
        if len(copied) == last:
            raise OSError("the cable was pulled")
        copied.append(name)
        store(place, path, name)

    monkeypatch.setattr(Storage, "store", counted)
    notes: list[str] = []
    Mirror(paths, notes.append).update()
    assert len(notes) == (last < 4)
    assert copied[0] == "plan.json"
    assert ("journal.log" in copied) == (last == 4)


def test_a_storage_that_is_away_is_said_once_and_made_up_for(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file where the folder should be", encoding="utf-8")
    paths, notes = begun(tmp_path / "a", Storage.of(tmp_path / "kept")), []
    mirror = Mirror(paths, notes.append)
    mirror.update()
    mirror.update()
    assert len(notes) == 1
    assert "this storage cannot be written" in notes[0]
    assert "The study goes on" in notes[0]
    with pytest.raises(ResourceError):
        mirror.finish()
    (tmp_path / "kept").unlink()
    mirror.update()
    assert "silk/journal.log" in Storage.of(tmp_path / "kept").files()


def test_the_machine_that_is_behind_catches_up(storage: Storage, tmp_path: Path) -> None:
    first = begun(tmp_path / "a", storage)
    Mirror(first, silent).update()
    second = study(tmp_path / "b", storage)
    restore(second)
    with second.journal.open("a", encoding="utf-8") as file:
        file.write("2\n")
    outcome(0.6).write(second.outcome("t001"))
    Mirror(second, silent).update()
    restore(first)
    assert first.journal.read_text(encoding="utf-8") == "1\n2\n"
    assert first.outcome("t001").exists()


def test_the_machine_that_is_ahead_keeps_its_own(tmp_path: Path) -> None:
    paths = begun(tmp_path / "a", Storage.of(tmp_path / "kept"))
    Mirror(paths, silent).update()
    with paths.journal.open("a", encoding="utf-8") as file:
        file.write("2\n")
    restore(paths)
    assert paths.journal.read_text(encoding="utf-8") == "1\n2\n"


def test_a_study_that_was_run_from_two_machines_is_refused(tmp_path: Path) -> None:
    storage = Storage.of(tmp_path / "kept")
    paths = begun(tmp_path / "a", storage)
    Mirror(paths, silent).update()
    storage.write("silk/journal.log", b"1\nanother\n")
    paths.journal.write_text("1\nmine\n", encoding="utf-8")
    with pytest.raises(StudyError, match="have gone different ways"):
        restore(paths)
    assert paths.journal.read_text(encoding="utf-8") == "1\nmine\n"


def test_another_study_of_that_name_is_refused(tmp_path: Path) -> None:
    storage = Storage.of(tmp_path / "kept")
    Mirror(begun(tmp_path / "a", storage), silent).update()
    other = begun(tmp_path / "b", storage)
    other.plan.write_text(json.dumps({"study_id": "two"}), encoding="utf-8")
    with pytest.raises(StudyError, match=r"is another study than .*silk\. Give this study another --name\."):
        restore(other)


def test_without_a_storage_nothing_happens(tmp_path: Path) -> None:
    paths = begun(tmp_path / "a", Storage.of(tmp_path / "kept"))
    alone = StudyPaths(paths.folder)
    restore(alone)
    Mirror(alone, silent).finish()
    shutil.rmtree(paths.folder)
    assert not (tmp_path / "kept").exists()
