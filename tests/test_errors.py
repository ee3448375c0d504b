"""What the system says of a file or a folder, as a sentence that says what to do."""

from __future__ import annotations

import errno
import os

import pytest

from silktune.errors import trouble


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.EACCES, "x: Permission denied. Change its permissions, or name another folder with --to."),
        (errno.EROFS, "x: Read-only file system. What lies there can only be read: name another folder with --to."),
        (errno.ENAMETOOLONG, "x: File name too long. Give a shorter name."),
        (errno.EIO, "x: Input/output error. See what is wrong there, or name another folder with --to."),
        (errno.ENOSPC, "x: no space is left. What was finished is kept: make room, give the same command."),
    ],
)
def test_every_trouble_has_a_remedy(number: int, sentence: str) -> None:
    error = OSError(number, os.strerror(number))
    assert trouble("x", error, "name another folder with --to") == sentence


def test_of_an_error_without_a_number() -> None:
    assert trouble("x", OSError("strange")) == "x: strange. See what is wrong there, or name another place."
