"""Decoded images, each kept once, whatever tables name it: pixels and colour descriptors, found by an image's content.

A store is a folder for one size, crop and version of the decoding. Its files only grow: pixels.bin (n, S, S, 3) uint8,
colour.bin (n, 25) float32, and contents.bin (n, 16), the hash of each row's image file, which is written last: a row is
there when its content is. No label is in it, so what is derived from pixels alone belongs here and outlives every
change of labels.

Notation: n images in the store, N images of a data set, S pixels per side.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from silktune.errors import DataError

if TYPE_CHECKING:
    from silktune.settings import Data

DECODING = 2  # changes when the same image file gives other pixels
FOLDER = "images"  # of a folder of prepared data sets: its stores
Row = tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]  # (S, S, 3) pixels, (25,) colour descriptor

COLOUR = 25  # numbers of a colour descriptor (`colour`, which is not imported: who reads images decodes none)
HASH = 16  # bytes of the hash of an image file


class IncompleteError(DataError):
    """Images that should be in a store are not there, or it is damaged."""


@dataclass(frozen=True)
class ImageStore:
    """The images of one size, crop and version of the decoding."""

    folder: Path
    S: int

    @classmethod
    def of(cls, root: Path, settings: Data) -> ImageStore:
        """The store below `root` whose images are decoded as the settings say; it need not exist yet."""
        return cls(root / FOLDER / store_name(settings), settings.image_size)

    @property
    def pixels_file(self) -> Path:
        return self.folder / "pixels.bin"

    @property
    def colour_file(self) -> Path:
        return self.folder / "colour.bin"

    @property
    def contents_file(self) -> Path:
        return self.folder / "contents.bin"

    @property
    def row_bytes(self) -> dict[Path, int]:
        """What a row takes in each file, in the order in which they are written."""
        return {self.pixels_file: 3 * self.S**2, self.colour_file: 4 * COLOUR, self.contents_file: HASH}

    def index(self) -> dict[bytes, int]:
        """The row of each content.

        Raises:
            IncompleteError: the files of the store do not belong together.
        """
        written = reversed(self.row_bytes.items())  # contents first: a writer that is at work appends them last
        rows = {path: path.stat().st_size // size if path.exists() else 0 for path, size in written}
        n = rows[self.contents_file]
        if n and min(rows.values()) < n:
            raise IncompleteError(f"{self.folder}: this image store is damaged: the sizes of its files differ.")
        data = self.contents_file.read_bytes()[: n * HASH] if n else b""
        return {data[HASH * row : HASH * (row + 1)]: row for row in range(n)}

    def lacks(self, contents: Iterable[bytes]) -> set[bytes]:
        """Those of the contents whose images are not in the store."""
        try:
            return set(contents) - self.index().keys()
        except IncompleteError:
            return set(contents)

    def rows(self, contents: Iterable[bytes]) -> npt.NDArray[np.int64]:
        """(N,) the rows of these contents.

        Raises:
            IncompleteError: some are not there, or the store is damaged.
        """
        index = self.index()
        rows = [index.get(content, -1) for content in contents]
        if lacking := rows.count(-1):
            raise IncompleteError(f"{self.folder}: {lacking:,} of {len(rows):,} images are not in this image store.")
        return np.array(rows, np.int64)

    def pixels(self) -> npt.NDArray[np.uint8]:
        """(n, S, S, 3), memory-mapped, read-only; there is at least one image."""
        n = self.pixels_file.stat().st_size // (3 * self.S**2)
        return np.memmap(self.pixels_file, np.uint8, "r", shape=(n, self.S, self.S, 3))

    def colour(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """(N, 25) the colour descriptors of these rows."""
        n = self.colour_file.stat().st_size // (4 * COLOUR)
        return np.array(np.memmap(self.colour_file, np.float32, "r", shape=(n, COLOUR))[rows])


class StoredImages:
    """The pixels of a data set's images in its order, read from a store's memory map when they are asked for."""

    def __init__(self, pixels: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64]) -> None:
        self.pixels, self.rows = pixels, rows

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, S, S, 3)."""
        return (len(self.rows), *self.pixels.shape[1:])

    def __getitem__(self, which: Any) -> npt.NDArray[np.uint8]:
        """The pixels of some of the N images, (…, S, S, 3), however NumPy lets them be named."""
        return np.asarray(self.pixels[self.rows[which]])


def store_name(settings: Data) -> str:
    """The folder of a store: what makes the same image file give other pixels."""
    return f"{settings.image_size}px-{settings.crop}-v{DECODING}"
