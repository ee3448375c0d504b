"""Decoding the images that a store lacks, in chunks: what an interrupted run has decoded is kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path

from silktune.data import decoder_worker, disk_space
from silktune.data.decoder_pool import Decoders, DiedError
from silktune.data.image_store import Row
from silktune.data.image_store_writer import StoreWriter
from silktune.settings import Data

CHUNK = 64  # images that are decoded and written together; what a kill may cost

Progress = Callable[[int, int], None]


def fill(
    writer: StoreWriter,
    images: Mapping[str, Path],
    contents: Mapping[str, bytes],
    settings: Data,
    decoders: Decoders,
    pool: Executor,
    progress: Progress,
) -> dict[str, str]:
    """Decode each content that the store lacks, once, whatever names it has.

    Args:
        writer: of the store.
        images: name → its file.
        contents: name → the hash of its file.
        settings: how they are decoded.
        decoders: processes that decode.
        pool: threads that call them.
        progress: told (images done, images in all).

    Returns:
        The images that cannot be read, and why.

    Raises:
        ResourceError: no room on the disk.
        OSError: it cannot be written.
    """
    names = list(images)
    lacking = writer.store.lacks(contents[name] for name in names)
    first: dict[bytes, str] = {}  # content → the first image that has it
    for name in names:
        if contents[name] in lacking:
            first.setdefault(contents[name], name)

    def row(content: bytes) -> Row | str:
        """An image's pixels and colour descriptor, or why they cannot be had."""
        path = images[first[content]]
        try:
            return decoders.call(decoder_worker.row, path, settings.image_size, settings.crop)
        except DiedError as error:
            return f"the process that decoded it died: {error}"

    todo = list(first)
    disk_space.has_room(writer.store.folder, len(todo) * sum(writer.store.row_bytes.values()))
    seen, reasons = len(names) - len(todo), dict[bytes, str]()
    progress(seen, len(names))
    chunks = [todo[start : start + CHUNK] for start in range(0, len(todo), CHUNK)]
    for chunk, results in _ahead(pool, row, chunks):
        decoded: dict[bytes, Row] = {}
        for content, result in zip(chunk, results, strict=True):
            if isinstance(result, str):
                reasons[content] = result
            else:
                decoded[content] = result
        writer.append(decoded)
        seen += len(chunk)
        progress(seen, len(names))
    return {name: reasons[contents[name]] for name in names if contents[name] in reasons}


def _ahead(
    pool: Executor, function: Callable[[bytes], Row | str], chunks: Sequence[Sequence[bytes]]
) -> Iterator[tuple[Sequence[bytes], Iterator[Row | str]]]:
    """The chunks with their results, the next one being computed while one is used."""
    running: deque[tuple[Sequence[bytes], Iterator[Row | str]]] = deque()
    for chunk in chunks:
        running.append((chunk, pool.map(function, chunk)))
        if len(running) > 1:
            yield running.popleft()
    yield from running
