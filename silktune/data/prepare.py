"""From a label table and image files to a prepared data set: a folder of arrays that every training reads.

The folder is named by a hash of all that is in it. It is written beside its name and renamed when whole; what
an interrupted run has decoded is kept. Two processes at once do not harm each other: the second waits.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from silktune.data import decoder_process, folder_lock, image_files
from silktune.data.arrays import Arrays
from silktune.data.decoder_pool import Decoders, DiedError
from silktune.data.decoder_process import Row
from silktune.data.labels import SUBSETS, LabelTable
from silktune.data.labels import read as read_labels
from silktune.data.split import Split, split
from silktune.outcome import write_whole
from silktune.settings import MAX_MEGAPIXELS, Data

VERSION = 1  # of the folder's files
DECODING = 2  # changes when the same image gives other pixels
LIBRARIES = ("numpy", "pandas", "opencv-python-headless", "pillow")
CHUNK = 64  # images that are decoded and written together; what a kill may cost

Progress = Callable[[int, int], None]


def prepare(
    table: Path,
    images: Path | None,
    settings: Data,
    root: Path,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
    skip_unreadable: bool = False,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> Path:
    """Prepare a data set, or find it prepared, or go on where an interrupted run stopped.

    Args:
        table: the label table.
        images: the folder of its images; None: the table's own, or `images` in it.
        settings: what is read and how.
        root: where prepared data sets are kept.
        workers: processes that decode; None: one per CPU.
        progress: told (images done, images in all) now and then.
        skip_unreadable: leave images out that are missing, damaged or too large, instead of an error.
        max_megapixels: an image with more is too large, and not decoded.

    Returns:
        The folder `root/<hash>`: dataset.json, samples.parquet, images.npy, colour.npy, rejected.csv.

    Raises:
        DataError: labels or images that cannot be used.
        ResourceError: no room on the disk, or `root` cannot be written.
    """
    labels = read_labels(table, settings.variables)
    folder = image_files.image_folder(labels, images)
    paths = {name: folder / name for name in labels.cells["image"]}
    count = min(workers or _cpus(), math.ceil(len(paths) / CHUNK))
    with Decoders(count, int(max_megapixels * 1e6)) as decoders, ThreadPoolExecutor(count) as pool:
        hashes = dict(zip(paths, image_files.fingerprints(list(paths.values()), pool), strict=True))
        whole = root / _digest(labels, hashes, settings)
        if whole.exists():
            return whole
        missing = image_files.unread(folder, [name for name, found in hashes.items() if not found])
        there = {name: path for name, path in paths.items() if name not in missing}
        if large := image_files.too_large(there, max_megapixels, decoders, pool):  # without them it is another data set
            missing |= large
            whole = root / _digest(labels, hashes | dict.fromkeys(large, ""), settings)
            if whole.exists():
                return whole
        if missing and not skip_unreadable:
            raise image_files.complaint(folder, missing, len(paths))
        task = _Task(labels, folder, settings, whole, missing, skip_unreadable, progress or _silent, decoders)
        with folder_lock.sentences(root), folder_lock.alone(root, whole.name) as part:
            if whole.exists():
                shutil.rmtree(part, ignore_errors=True)
            else:
                task.fill(part, pool)
                part.rename(whole)
                (whole / "lock").unlink()
    return whole


@dataclass(frozen=True, eq=False)
class _Task:
    """One data set to be prepared."""

    labels: LabelTable
    folder: Path
    settings: Data
    whole: Path
    missing: dict[str, str]  # image → why it is left out
    skip_unreadable: bool
    progress: Progress
    decoders: Decoders

    def fill(self, part: Path, pool: Executor) -> None:
        """Write all files of the data set into `part`; dataset.json is the last."""
        if (part / "dataset.json").exists():
            return
        there = self.labels.keep(~self.labels.cells["image"].isin(list(self.missing)).to_numpy())
        chosen = self._split(there)
        rejected = [*self.missing.items(), *chosen.rejected]
        names = chosen.samples["image"]
        arrays = Arrays(part, len(names), self.settings.image_size)
        unreadable = self._decode(arrays, names.tolist(), pool)
        if unreadable:
            if not self.skip_unreadable:
                raise image_files.complaint(self.folder, unreadable, len(names))
            kept = self.labels.cells["image"].isin(set(names) - unreadable.keys()).to_numpy()
            chosen = self._split(self.labels.keep(kept))
            rejected += [*unreadable.items(), *chosen.rejected]
            arrays.compact(np.flatnonzero(names.isin(chosen.samples["image"])).tolist())
        chosen.samples.to_parquet(part / "samples.parquet")
        pd.DataFrame(sorted(rejected), columns=["image", "reason"]).to_csv(part / "rejected.csv", index=False)
        write_whole(part / "dataset.json", json.dumps(self._description(chosen, len(rejected)), indent=1))
        (part / "done.npy").unlink()

    def _split(self, labels: LabelTable) -> Split:
        return split(labels, seed=self.settings.split_seed, min_records=self.settings.min_records)

    def _decode(self, arrays: Arrays, names: Sequence[str], pool: Executor) -> dict[str, str]:
        """Decode what is not done yet; the images that cannot be read, and why."""
        todo, unreadable = arrays.todo, {}
        folder_lock.has_room(arrays.folder, len(todo) * (3 * self.settings.image_size**2 + 128))
        chunks = [todo[start : start + CHUNK] for start in range(0, len(todo), CHUNK)]
        seen = len(names) - len(todo)
        self.progress(seen, len(names))
        for chunk, results in _ahead(pool, lambda row: self._row(names[row]), chunks):
            rows = {}
            for number, result in zip(chunk, results, strict=True):
                if isinstance(result, str):
                    unreadable[names[number]] = result
                else:
                    rows[number] = result
            arrays.write(rows)
            seen += len(chunk)
            self.progress(seen, len(names))
        return unreadable

    def _row(self, name: str) -> Row | str:
        """An image's pixels and colour descriptor, or why they cannot be had."""
        try:
            path = self.folder / name
            return self.decoders.call(decoder_process.row, path, self.settings.image_size, self.settings.crop)
        except DiedError as error:
            return f"the process that decoded it died: {error}"

    def _description(self, chosen: Split, rejected: int) -> dict[str, object]:
        source = self.labels.source
        return {
            "version": VERSION,
            "digest": self.whole.name,
            "name": self.labels.name,
            "images": len(chosen.samples),
            "rejected": rejected,
            "subsets": {name: int((chosen.samples["subset"] == name).sum()) for name in SUBSETS},
            "variables": [vars(variable) for variable in chosen.variables],
            "became_background": chosen.backgrounds,
            "notes": [*self.labels.notes, *chosen.notes],
            "settings": self.settings.model_dump(),
            "libraries": {name: version(name) for name in LIBRARIES},
            "source": {"table": str(source.resolve()), "images": str(self.folder.resolve())},
        }


def _digest(labels: LabelTable, hashes: Mapping[str, str], settings: Data) -> str:
    """A name for the data set: other labels, other pixels or another preparation have another."""
    how = settings.model_dump() | {"variables": labels.variables, "version": VERSION, "decoding": DECODING}
    rows = labels.cells[["image", "record", "split", *labels.variables]].to_numpy().tolist()
    text = json.dumps([how, rows, [hashes[name] for name in labels.cells["image"]]], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _ahead(
    pool: Executor, function: Callable[[int], Row | str], chunks: Sequence[Sequence[int]]
) -> Iterator[tuple[Sequence[int], Iterator[Row | str]]]:
    """The chunks with their results, the next one being computed while one is used."""
    running: deque[tuple[Sequence[int], Iterator[Row | str]]] = deque()
    for chunk in chunks:
        running.append((chunk, pool.map(function, chunk)))
        if len(running) > 1:
            yield running.popleft()
    yield from running


def _silent(done: int, total: int) -> None:
    """Progress that nobody wants to see."""


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
