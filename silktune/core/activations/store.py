"""Activations on a disk: what a frozen prefix makes of images, each kept once, found by the image's content.

A store is a folder for one `Key`, below the image store. Its files only grow: values.bin (n, …) and checks.bin
(n, 20), the hash of each row's image file and a checksum of its values, which is written last: a row is there when its
check is. So what an interruption or another process left is gone on with, and a row is never another image's.

Notation: n rows of the store, N images that are asked for.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import shutil
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from silktune.core.activations import ABOUT, CHECK, CHECKS, FOLDER, VALUES
from silktune.core.activations.key import Key
from silktune.data.image_store import HASH

STORED: dict[str, np.dtype[Any]] = {
    "float32": np.dtype(np.float32),
    "bfloat16": np.dtype(np.uint16),
}  # NumPy has no bfloat16: its bits


@dataclass(frozen=True)
class ActivationStore:
    """The activations of one key; it need not exist yet."""

    folder: Path
    key: Key

    @classmethod
    def of(cls, images: Path, key: Key) -> ActivationStore:
        """The store of a key beside the images of an image store."""
        return cls(images / FOLDER / key.digest, key)

    @property
    def values_file(self) -> Path:
        return self.folder / VALUES

    @property
    def checks_file(self) -> Path:
        return self.folder / CHECKS

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Of what the prefix makes of one image.

        Raises:
            OSError: nothing is there.
        """
        return tuple(json.loads((self.folder / ABOUT).read_text(encoding="utf-8"))["shape"])

    @property
    def row_bytes(self) -> int:
        return STORED[self.key.precision].itemsize * math.prod(self.shape)

    def index(self) -> dict[bytes, int]:
        """The row of each image content; empty where there is no store, or none that can be read."""
        try:
            checks = self.checks_file.read_bytes()
            n = min(len(checks) // CHECK, self.values_file.stat().st_size // self.row_bytes)
        except (OSError, ValueError, KeyError, TypeError):
            return {}
        return {checks[CHECK * row : CHECK * row + HASH]: row for row in range(n)}

    def lacks(self, contents: Sequence[bytes]) -> list[int]:
        """Which of the N contents have no row."""
        index = self.index()
        return [i for i, content in enumerate(contents) if content not in index]

    def damaged(self, contents: Sequence[bytes]) -> list[int]:
        """Which of the N contents have a row that is not as it was written; reads all of them."""
        index, values, checks = self.index(), self._values(), self.checks_file.read_bytes()

        def whole(row: int) -> bool:
            return zlib.crc32(values[row]).to_bytes(4, "little") == checks[CHECK * row + HASH : CHECK * (row + 1)]

        return [i for i, content in enumerate(contents) if not whole(index[content])]

    def rows(self, contents: Sequence[bytes]) -> npt.NDArray[np.int64]:
        """(N,) the rows of these contents, −1 where there is none."""
        index = self.index()
        return np.array([index.get(content, -1) for content in contents], np.int64)

    def reader(self, contents: Sequence[bytes]) -> Activations:
        """The activations of these images, in their order; images without any may not be asked for."""
        return Activations(self._values(), self.rows(contents), self.key.precision)

    def _values(self) -> npt.NDArray[Any]:
        dtype, shape = STORED[self.key.precision], self.shape
        n = self.values_file.stat().st_size // self.row_bytes
        return np.memmap(self.values_file, dtype, "r", shape=(n, *shape)) if n else np.empty((0, *shape), dtype)

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """The store's writer, when no other process writes in it; who waited finds what the other has added."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("a", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield Writer(self)

    def remove(self) -> None:
        """Delete it; who has it open keeps it."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Activations:
    """The activations of a data set's images in its order, read from a memory map when they are asked for."""

    def __init__(self, values: npt.NDArray[Any], rows: npt.NDArray[np.int64], precision: str) -> None:
        self.values, self.rows, self.precision = values, rows, precision

    def __getitem__(self, which: Any) -> Tensor:
        """Of one of the N images, or (n, …) of some: a copy in memory."""
        rows = self.rows[which]
        if np.min(rows, initial=0) < 0:
            raise IndexError("activations of an image that has none here")
        values = torch.from_numpy(np.array(self.values[rows]))
        return values.view(torch.bfloat16) if self.precision == "bfloat16" else values


class Writer:
    """Appends activations; what a torn write left behind the last check is overwritten."""

    def __init__(self, store: ActivationStore) -> None:
        self.store = store

    def begin(self, shape: Sequence[int], about: dict[str, Any]) -> None:
        """Say what is kept; rows of another shape, which cannot be this key's, are dropped."""
        path = self.store.folder / ABOUT
        try:
            same = tuple(json.loads(path.read_text(encoding="utf-8"))["shape"]) == tuple(shape)
        except (OSError, ValueError, KeyError, TypeError):
            same = False
        if not same:
            self.clear()
            part = path.with_suffix(".part")
            part.write_text(json.dumps(about | {"shape": list(shape)}, indent=1), encoding="utf-8")
            part.replace(path)
            vars(self.store).pop("shape", None)

    def append(self, contents: Sequence[bytes], values: Tensor) -> None:
        """Write rows and wait until the disk has them; then they count.

        Args:
            contents: N hashes of image files.
            values: (N, …) on the CPU.

        Raises:
            OSError: the disk is full or cannot be written; what was there before is as it was.
        """
        n = self._rows()
        bits = values.contiguous().view(torch.uint16) if values.dtype == torch.bfloat16 else values.contiguous()
        rows = bits.numpy()
        checks = b"".join(
            content + zlib.crc32(row).to_bytes(4, "little") for content, row in zip(contents, rows, strict=True)
        )
        _write(self.store.values_file, n * self.store.row_bytes, rows.data)
        _write(self.store.checks_file, n * CHECK, checks)

    def clear(self) -> None:
        """Give the room back."""
        for file in (self.store.checks_file, self.store.values_file):
            file.unlink(missing_ok=True)

    def _rows(self) -> int:
        files = {self.store.checks_file: CHECK, self.store.values_file: self.store.row_bytes}
        return min(file.stat().st_size // each if file.exists() else 0 for file, each in files.items())

    def drop(self, contents: Sequence[bytes]) -> None:
        """Forget rows: their images are found no more, and can be written anew."""
        gone = set(contents)
        checks = bytearray(self.store.checks_file.read_bytes())
        for content, row in self.store.index().items():
            if content in gone:
                checks[CHECK * row : CHECK * row + HASH] = bytes(HASH)
        _write(self.store.checks_file, 0, bytes(checks))


def _write(path: Path, position: int, content: Any) -> None:
    path.touch()
    with path.open("r+b") as file:
        file.seek(position)
        file.truncate()
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
