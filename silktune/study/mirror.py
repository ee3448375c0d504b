"""A copy of a study in a storage that outlives the machine that the study is run from.

A study's name is its folder's, in the storage as on the disk. The plan is copied first and the journal last: who finds
the copy as it was at any moment can go on with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from silktune.errors import ResourceError, StudyError, reason
from silktune.outcome import write_whole
from silktune.storage import Storage
from silktune.study.paths import StudyPaths

APART = "trials"  # what trials write is in the storage already
Seen = tuple[int, int]


class Mirror:
    """Copies what has changed in a study's folder; nothing, if the study has no storage."""

    def __init__(self, paths: StudyPaths, note: Callable[[str], None]) -> None:
        """Nothing is copied yet.

        Args:
            paths: the study's.
            note: who hears, once, that the storage is away.
        """
        self.paths, self.note = paths, note
        self._seen: dict[str, Seen] | None = None
        self._away = False

    def update(self) -> None:
        """Copy what has changed since the last time; what cannot be copied now is copied another time."""
        try:
            self.finish()
            self._away = False
        except ResourceError as error:
            if not self._away:
                self.note(f"{error} The study goes on, and what is missing there is written when it is back.")
            self._away = True

    def finish(self) -> None:
        """Copy what has changed since the last time.

        Raises:
            ResourceError: the storage cannot be written.
        """
        if self.paths.copy is None:
            return
        try:
            self._finish(self.paths.copy)
        except OSError as error:
            raise ResourceError(f"{self.paths.copy}: this storage cannot be written ({reason(error)}).") from error

    def _finish(self, copy: Storage) -> None:
        files = {name: _state(self.paths.folder / name) for name in _files(self.paths)}
        if self._seen is None:  # an outcome is written once, or it failed and another one takes its place
            there = copy.files()
            outcomes = [name for name in files if name.startswith("outcomes/")]
            self._seen = {name: files[name] for name in outcomes if there.get(name) == files[name][1]}
        for name in sorted(files, key=self._order):
            if self._seen.get(name) != files[name]:
                copy.store(self.paths.folder / name, name)
                self._seen[name] = files[name]

    def _order(self, name: str) -> tuple[bool, bool, bool, str]:
        """An outcome is never there without its predictions, nor anything without the plan."""
        is_outcome = name.startswith("outcomes/") and name.endswith(".json")
        return name == self.paths.journal.name, name != self.paths.plan.name, is_outcome, name


def restore(paths: StudyPaths) -> None:
    """Bring from the storage what the folder lacks: all of it on a new machine, on the old one mostly nothing.

    Raises:
        StudyError: the storage holds another study of this name, or both were gone on with.
        ResourceError: the storage cannot be read.
    """
    if paths.copy is None:
        return
    try:
        _restore(paths, paths.copy)
    except OSError as error:
        raise ResourceError(f"{paths.copy}: this storage cannot be read ({reason(error)}).") from error


def _restore(paths: StudyPaths, copy: Storage) -> None:
    plan = copy.read(paths.plan.name)
    if plan is None:
        return
    if paths.plan.exists() and json.loads(plan)["study_id"] != json.loads(paths.plan.read_bytes())["study_id"]:
        raise StudyError(f"{copy} is another study than {paths.folder}. Give this study another --name.")
    journal = _longer(paths, copy)
    for name in copy.files():
        path = paths.folder / name
        if _own(Path(name)) and name != paths.journal.name and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            copy.fetch(name, path)
    if journal:
        write_whole(paths.journal, journal.decode())


def _longer(paths: StudyPaths, copy: Storage) -> bytes:
    """The storage's journal if it goes on where the folder's ends; nothing if the folder's has all of it."""
    there = copy.read(paths.journal.name) or b""
    here = paths.journal.read_bytes() if paths.journal.exists() else b""
    if not (there.startswith(here) or here.startswith(there)):
        raise StudyError(
            f"{paths.folder} and {copy} have gone different ways: the study was run from two machines. Move one of "
            "them away; the same command goes on with the other."
        )
    return there if len(there) > len(here) else b""


def _files(paths: StudyPaths) -> list[str]:
    found = [path.relative_to(paths.folder) for path in paths.folder.rglob("*") if path.is_file()]
    return [str(name) for name in found if _own(name)]


def _own(name: Path) -> bool:
    """Whether a file is the study's own; hidden ones are of the moment."""
    return name.parts[0] != APART and not any(part.startswith(".") for part in name.parts)


def _state(path: Path) -> Seen:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size
