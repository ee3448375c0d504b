"""Images of a store on their way into a storage and out of it: in pieces that are written once and never changed.

A piece is named by the contents in it, and has three files: PIECE.pixels, PIECE.colour and, written last,
PIECE.contents, which are rows as in an `ImageStore`. So a data set with ten images more puts one small piece there, and
a machine reads the pieces in which there is something that it lacks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np

from silktune.data.dataset import Dataset, read_contents
from silktune.data.image_store import HASH
from silktune.data.image_store_writer import StoreWriter
from silktune.errors import DataError
from silktune.storage import Storage

PIECE = 2**26  # bytes of pixels


def put(data: Dataset, place: Storage) -> None:
    """Put those images of a data set into a storage that are not there.

    Raises:
        OSError: the storage cannot be read or written.
    """
    there = {content for _, contents in _pieces(place) for content in contents}
    todo = {content: row for row, content in enumerate(read_contents(data.folder)) if content not in there}
    size = max(1, PIECE // int(np.prod(data.images.shape[1:])))
    contents, rows = list(todo), list(todo.values())
    for start in range(0, len(rows), size):
        joined, some = b"".join(contents[start : start + size]), rows[start : start + size]
        name = hashlib.blake2b(joined, digest_size=HASH).hexdigest()
        place.write(f"{name}.pixels", np.ascontiguousarray(data.images[some]).reshape(-1).data)
        place.write(f"{name}.colour", data.colour[some].tobytes())
        place.write(f"{name}.contents", joined)


def get(contents: Sequence[bytes], writer: StoreWriter, place: Storage) -> None:
    """Add those images to a store that it lacks.

    Raises:
        DataError: the storage lacks some of them.
        OSError: the storage cannot be read, or the store not be written.
    """
    lacking = writer.store.lacks(contents)
    S = writer.store.S
    for name, held in _pieces(place) if lacking else ():
        if lacking.isdisjoint(held):
            continue
        pixels = np.frombuffer(place.read(f"{name}.pixels") or b"", np.uint8).reshape(-1, S, S, 3)
        colour = np.frombuffer(place.read(f"{name}.colour") or b"", np.float32).reshape(len(pixels), -1)
        writer.append({c: (pixels[row], colour[row]) for row, c in enumerate(held) if c in lacking})
        lacking -= set(held)
    if lacking:
        again = "Put the data set there again: silktune data prepare labels.csv --storage …"
        raise DataError(f"{place}: {len(lacking):,} images are missing. {again}")


def _pieces(place: Storage) -> Iterator[tuple[str, list[bytes]]]:
    """Each whole piece's name and the contents in it."""
    for file in place.files():
        name, _, kind = file.rpartition(".")
        if kind == "contents":
            joined = place.read(file) or b""
            yield name, [joined[start : start + HASH] for start in range(0, len(joined), HASH)]
