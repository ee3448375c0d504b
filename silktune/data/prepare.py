"""From a label table and image files to a prepared data set: images that are decoded once, and a labelling of them.

Images are decoded into a store, where the next table finds them: a label that is corrected, a file that is renamed, a
second table decode nothing. What an interrupted run has decoded is kept. Two processes at once do not harm each other:
the second waits. The labelling is a folder named by a hash of all that is in it, written beside its name and renamed
when whole.
"""

from __future__ import annotations

import math
import os
import shutil
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from silktune.data import dataset_writer, disk_space, image_files
from silktune.data.dataset import WHOLE, read_contents
from silktune.data.decoder_pool import Decoders
from silktune.data.image_store import ImageStore
from silktune.data.image_store_filling import CHUNK, Progress, fill
from silktune.data.image_store_writer import StoreWriter, writing
from silktune.data.label_table import LabelTable
from silktune.data.label_table import read as read_labels
from silktune.data.split import Split, split
from silktune.settings import MAX_MEGAPIXELS, Data

__all__ = ["CHUNK", "Progress", "cpus", "prepare", "silent"]


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
        The folder `root/<hash>`: dataset.json, samples.parquet, contents.npy, rejected.csv. Its images are in a store
        beside it, `root/images/<how>`.

    Raises:
        DataError: labels or images that cannot be used.
        ResourceError: no room on the disk, or `root` cannot be written.
    """
    labels = read_labels(table, settings.variables, settings.split_by)
    folder = image_files.image_folder(labels, images)
    paths = {name: folder / name for name in labels.cells["image"]}
    store = ImageStore.of(root, settings)
    count = min(workers or cpus(), math.ceil(len(paths) / CHUNK))
    with Decoders(count, int(max_megapixels * 1e6)) as decoders, ThreadPoolExecutor(count) as pool:
        contents = dict(zip(paths, image_files.fingerprints(list(paths.values()), pool), strict=True))
        whole = root / dataset_writer.digest(labels, contents, settings)
        if _is_there(whole, store):
            return whole
        missing = image_files.unread(folder, [name for name, content in contents.items() if not content])
        lacking = store.lacks(contents.values())
        unseen = {name: paths[name] for name, content in contents.items() if content and content in lacking}
        if large := image_files.too_large(unseen, max_megapixels, decoders, pool):  # without them another data set
            missing |= large
            contents |= dict.fromkeys(large, b"")
            whole = root / dataset_writer.digest(labels, contents, settings)
            if _is_there(whole, store):
                return whole
        if missing and not skip_unreadable:
            raise image_files.complaint(folder, missing, len(paths))
        task = _Task(labels, folder, contents, settings, missing, skip_unreadable, progress or silent, decoders)
        with disk_space.sentences(root), writing(store) as writer:
            if not _is_there(whole, store):
                task.fill(whole, writer, pool)
    return whole


def _is_there(whole: Path, store: ImageStore) -> bool:
    """Whether a data set is prepared, with all of its images."""
    return (whole / WHOLE).exists() and not store.lacks(read_contents(whole))


@dataclass(frozen=True, eq=False)
class _Task:
    """One data set to be prepared."""

    labels: LabelTable
    folder: Path
    contents: dict[str, bytes]  # image → hash of its file; b"": it is left out
    settings: Data
    missing: dict[str, str]  # image → why it is left out
    skip_unreadable: bool
    progress: Progress
    decoders: Decoders

    def fill(self, whole: Path, writer: StoreWriter, pool: Executor) -> None:
        """Decode what the store lacks, then write the labelling."""
        labels = self.labels.keep(~self.labels.cells["image"].isin(list(self.missing)).to_numpy())
        chosen, rejected = self._split(labels), [*self.missing.items()]
        names = chosen.samples["image"].tolist()
        unreadable = fill(
            writer, {name: self.folder / name for name in names}, self.contents, self.settings, self.decoders, pool,
            self.progress,
        )  # fmt: skip
        if unreadable:
            if not self.skip_unreadable:
                raise image_files.complaint(self.folder, unreadable, len(names))
            rejected += unreadable.items()
            chosen = self._split(labels.keep(~labels.cells["image"].isin(list(unreadable)).to_numpy()))
        part = whole.with_name(f".{whole.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        rejected += chosen.rejected
        dataset_writer.write(part, whole.name, self.labels, self.folder, self.contents, chosen, rejected, self.settings)
        if not whole.exists():
            part.rename(whole)
        shutil.rmtree(part, ignore_errors=True)

    def _split(self, labels: LabelTable) -> Split:
        return split(labels, seed=self.settings.split_seed, min_records=self.settings.min_records)


def silent(done: int, total: int) -> None:
    """Progress that nobody wants to see."""


def cpus() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
