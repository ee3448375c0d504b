"""Adding images to a store: one process at a time, and nothing that is on the disk is done again.

Rows are written to files and not to a memory map: on a full disk the one is an error that can be said, the other ends
the process.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from silktune.data.image_store import ImageStore, Row


@contextmanager
def writing(store: ImageStore) -> Iterator[StoreWriter]:
    """The store's writer, when no other process writes in it; who waited finds what the other has added."""
    store.folder.mkdir(parents=True, exist_ok=True)
    with (store.folder / "lock").open("a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield StoreWriter(store)


class StoreWriter:
    """Appends images; of a damaged store it keeps the rows that are whole in all of its files."""

    def __init__(self, store: ImageStore) -> None:
        self.store = store
        paths = store.row_bytes
        self.n = min(path.stat().st_size // size if path.exists() else 0 for path, size in paths.items())
        if not self.n:  # who has the old files open keeps them as they are
            for path in paths:
                path.unlink(missing_ok=True)
        elif store.contents_file.stat().st_size > self.n * paths[store.contents_file]:
            os.truncate(store.contents_file, self.n * paths[store.contents_file])

    def append(self, images: Mapping[bytes, Row]) -> None:
        """Write images, by content, and wait until the disk has them; then they count.

        Raises:
            OSError: the disk is full or cannot be written; what was there before is as it was.
        """
        self._write(self.store.pixels_file, (pixels.tobytes() for pixels, _ in images.values()))
        self._write(self.store.colour_file, (colour.astype(np.float32).tobytes() for _, colour in images.values()))
        self._write(self.store.contents_file, images)
        self.n += len(images)

    def _write(self, path: Path, rows: Iterable[bytes]) -> None:
        path.touch()
        with path.open("r+b") as file:
            file.seek(self.n * self.store.row_bytes[path])
            for row in rows:
                file.write(row)
            file.flush()
            os.fsync(file.fileno())
