"""Room on a disk for prepared images: whether there is enough, and what goes wrong in a sentence."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from silktune.errors import ResourceError, trouble

_UNITS = ("kB", "MB", "GB")


@contextmanager
def sentences(root: Path) -> Iterator[None]:
    """A disk that is full, or may not be written, is said in a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise ResourceError(
                f"{root}: the disk is full. What is prepared is kept: make room and run the command again, "
                "it goes on from there; or name another folder with --to."
            ) from error
        elsewhere = "name another folder: `silktune data prepare` has --to for it, search and ablate --root"
        raise ResourceError(trouble(f"{root}: this cannot be written", error, elsewhere)) from error


def has_room(folder: Path, needed: int) -> None:
    """Complain if fewer bytes are free where the folder is than are needed.

    Raises:
        ResourceError: there is not enough room.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        sizes = [size(needed), size(free)]
        need, have = sizes if len(set(sizes)) == 2 else [f"{count:,} bytes" for count in (needed, free)]
        raise ResourceError(
            f"{folder}: the images to be prepared need {need}, but only {have} are free there. "
            "Make room, name another folder with --to, or choose a smaller data.image_size."
        )


def size(count: int) -> str:
    """A number of bytes in the unit that shows it: 1 byte, 640 bytes, 1.5 kB, 3.1 MB."""
    if count < 1000:
        return f"{count} byte{'s' * (count != 1)}"
    power = min((len(str(count)) - 1) // 3, len(_UNITS))
    return f"{count / 1000**power:,.1f} {_UNITS[power - 1]}"
