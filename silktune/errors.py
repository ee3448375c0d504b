"""Every error that a user can meet, as sentences.

    SilktuneError                 exit 1: where, what was there, what may be there, what to do
    ├── SettingsError             a setting that does not exist, or a value it cannot take
    ├── DataError                 labels, images, split, prepared data set
    ├── SpaceError                a search space or an ablation table
    ├── StudyError                a study folder: another plan, written by another version, locked
    ├── ResourceError             a GPU, memory, disk, Ray cluster that is not there
    ├── TrackingError             MLflow's store cannot be reached or written
    ├── TrainingError             a training that cannot go on: a loss that is not a number
    ├── TrialsFailed              exit 3: the study is done, but some of its trials failed
    └── Interrupted               exit 130: stopped before its end; the same command goes on

A checker collects its complaints and raises them at once with `SomeError.of(complaints)`.
"""

from __future__ import annotations

import difflib
import errno
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self


class SilktuneError(Exception):
    """An error of the user's world, said in one sentence per complaint."""

    exit_code = 1

    @classmethod
    def of(cls, complaints: Iterable[str]) -> Self:
        """One error that says all complaints, a line each."""
        return cls("\n".join(complaints))


class SettingsError(SilktuneError): ...


class DataError(SilktuneError): ...


class SpaceError(SilktuneError): ...


class StudyError(SilktuneError): ...


class ResourceError(SilktuneError): ...


class TrackingError(SilktuneError): ...


class TrainingError(SilktuneError): ...


class TrialsFailed(SilktuneError):
    exit_code = 3


class Interrupted(SilktuneError):
    exit_code = 130


def nearest(name: str, known: Sequence[str]) -> str:
    """' Did you mean X?' for the known name nearest to `name`, or what is known if none is near."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f" Did you mean {close[0]}?"
    return f" There is: {', '.join(known)}."


FULL = (errno.ENOSPC, errno.EDQUOT)
_REMEDIES = {
    errno.EACCES: "Change its permissions, or {elsewhere}.",
    errno.EPERM: "Change its permissions, or {elsewhere}.",
    errno.EROFS: "What lies there can only be read: {elsewhere}.",
    errno.ENOTDIR: "A file stands where a folder is needed: {elsewhere}.",
    errno.EEXIST: "A file stands where a folder is needed: {elsewhere}.",
    errno.EISDIR: "A folder stands where a file is needed: {elsewhere}.",
    errno.ENAMETOOLONG: "Give a shorter name.",
    errno.EMFILE: "This process may not open more files: raise `ulimit -n`.",
}


def trouble(where: object, error: OSError, elsewhere: str = "name another place") -> str:
    """The sentence about a file or a folder that cannot be read or written, and what to do.

    Args:
        where: the file or the folder.
        error: what the system said.
        elsewhere: how another place is named.
    """
    if error.errno in FULL:
        return f"{where}: no space is left. What was finished is kept: make room, give the same command."
    remedy = _REMEDIES.get(error.errno or 0, "See what is wrong there, or {elsewhere}.")
    return f"{where}: {error.strerror or reason(error)}. {remedy.format(elsewhere=elsewhere)}"


def reason(error: BaseException) -> str:
    """The first line of what a library's error says; its kind where it says nothing."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def unforeseen(error: BaseException) -> str:
    """What is known of an error that has no sentence: its kind, what it says, and where it was raised."""
    said = " ".join(str(error).split())[:300]
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}{': ' if said else ''}{said}{place}"
