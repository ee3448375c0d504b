"""The arrays of a data set while they are being written: what is on disk is not done again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from silktune.data.colour import r
from silktune.data.decoder_process import Row


class Arrays:
    """images.npy (N, S, S, 3) and colour.npy (N, 25) in a folder, and done.npy (N,), which rows are written.

    Rows are written to files and not to a memory map: on a full disk the one is an error that can be said,
    the other ends the process. A row is marked as done when it is on the disk.
    """

    def __init__(self, folder: Path, N: int, S: int) -> None:
        self.folder = folder
        self._parts = {"images": ((N, S, S, 3), np.uint8), "colour": ((N, r * r), np.float32)}
        if not self._is_there(N):
            (folder / "done.npy").unlink(missing_ok=True)
            for name, (shape, dtype) in self._parts.items():
                create(folder / f"{name}.npy", shape, dtype)
            np.save(folder / "done.npy", np.zeros(N, np.uint8))
        self._done = np.load(folder / "done.npy")

    def _is_there(self, N: int) -> bool:
        try:
            paths = [self.folder / f"{name}.npy" for name in (*self._parts, "done")]
            shapes = [np.load(path, mmap_mode="r").shape for path in paths]
        except (OSError, ValueError, EOFError):
            return False
        return shapes == [*(shape for shape, _ in self._parts.values()), (N,)]

    @property
    def todo(self) -> list[int]:
        return np.flatnonzero(self._done == 0).tolist()

    def write(self, rows: dict[int, Row]) -> None:
        """Write rows, then mark them as done."""
        for part, name in enumerate(self._parts):
            write_rows(self.folder / f"{name}.npy", {number: row[part] for number, row in rows.items()})
        one = np.ones((), np.uint8)
        write_rows(self.folder / "done.npy", dict.fromkeys(rows, one))
        self._done[list(rows)] = 1

    def compact(self, kept: Sequence[int]) -> None:
        """Leave all rows out but these, in ascending order."""
        for name, (shape, dtype) in self._parts.items():
            path, beside = self.folder / f"{name}.npy", self.folder / f"{name}.kept"
            old = np.load(path, mmap_mode="r")
            create(beside, (len(kept), *shape[1:]), dtype)
            for start in range(0, len(kept), 64):
                write_rows(beside, {start + i: old[row] for i, row in enumerate(kept[start : start + 64])})
            beside.replace(path)


def create(path: Path, shape: tuple[int, ...], dtype: Any) -> None:
    """A NumPy file full of zeros that takes no space yet."""
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + int(np.prod(shape)) * np.dtype(dtype).itemsize)


def write_rows(path: Path, rows: dict[int, npt.NDArray[Any]]) -> None:
    """Write some rows of a NumPy file and wait until the disk has them."""
    with path.open("r+b") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        begin = file.tell()
        for number, row in rows.items():
            file.seek(begin + number * row.nbytes)
            file.write(row.tobytes())
        file.flush()
        os.fsync(file.fileno())
