"""The images of a table: decoded into the image store that a training reads, and what is wrong with them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from silktune.data import disk_space, image_files
from silktune.data.check import near_duplicates, perceptual_hash
from silktune.data.check.perceptual_hash import Grey
from silktune.data.decoder_pool import Decoders
from silktune.data.image_store import ImageStore, StoredImages
from silktune.data.image_store_filling import CHUNK, Progress, fill
from silktune.data.image_store_writer import writing
from silktune.data.label_table import LabelTable
from silktune.data.prepare import cpus
from silktune.settings import MAX_MEGAPIXELS, Data

TINY = 64  # pixels of the shorter side: fewer show next to nothing at a network's usual 224
THUMBNAIL = 120  # pixels of the longer side
PLAIN = 2.0  # deviation of grey values, of 0 … 255: less is no picture


@dataclass(frozen=True)
class CheckedImages:
    """The images that can be read, each content once, and the names that it has."""

    store: ImageStore
    contents: Mapping[str, bytes]  # image → hash of its file, of those that can be read
    unreadable: Mapping[str, str]  # image → reason
    sizes: Mapping[str, tuple[int, int]]  # image → width, height

    @cached_property
    def names(self) -> list[str]:
        """The first name of each content."""
        first: dict[bytes, str] = {}
        for name, content in self.contents.items():
            first.setdefault(content, name)
        return list(first.values())

    @cached_property
    def pixels(self) -> StoredImages:
        """Of `names`."""
        return StoredImages(self.store.pixels(), self.store.rows([self.contents[name] for name in self.names]))

    @property
    def tiny(self) -> dict[str, tuple[int, int]]:
        return {name: size for name, size in self.sizes.items() if min(size) < TINY and name in self.contents}

    def grey(self, number: int) -> Grey:
        return perceptual_hash.grey(self.pixels[number], near_duplicates.S)

    def thumbnail(self, name: str) -> bytes:
        """A small JPEG of an image, its sides as they are in its file."""
        pixels = self.pixels[self._numbers[self.contents[name]]]
        width, height = self.sizes.get(name, pixels.shape[1::-1])
        scale = THUMBNAIL / max(width, height)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        _, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])
        return data.tobytes()

    @cached_property
    def _numbers(self) -> dict[bytes, int]:
        return {self.contents[name]: number for number, name in enumerate(self.names)}

    def numbers(self, names: Sequence[str]) -> npt.NDArray[np.int64]:
        """(N,) which of the contents each image has."""
        return np.array([self._numbers[self.contents[name]] for name in names], np.int64)


@dataclass(frozen=True)
class LookAlikes:
    """What comparing all images gave."""

    matches: Sequence[near_duplicates.Match]  # numbers of `names`
    plain: Sequence[str]  # images of one colour, which are not compared
    left: int  # candidates that were not looked at


def read(labels: LabelTable, images: Path | None, settings: Data, root: Path, progress: Progress) -> CheckedImages:
    """Decode the images of a table into the store below `root`, as `prepare` does; what cannot be read is told.

    Args:
        labels: the table.
        images: the folder of its images; None: the table's own, or `images` in it.
        settings: how they are decoded.
        root: of prepared data sets.
        progress: told (images done, images in all).

    Raises:
        DataError: there is no such folder, or none of the images can be read.
        ResourceError: no room on the disk, or `root` cannot be written.
    """
    folder = image_files.image_folder(labels, images)
    paths = {name: folder / name for name in labels.cells["image"]}
    store, count = ImageStore.of(root, settings), min(cpus(), math.ceil(len(paths) / CHUNK))
    with Decoders(count, int(MAX_MEGAPIXELS * 1e6)) as decoders, ThreadPoolExecutor(count) as pool:
        contents = dict(zip(paths, image_files.fingerprints(list(paths.values()), pool), strict=True))
        unreadable = image_files.unread(folder, [name for name, content in contents.items() if not content])
        sizes = image_files.sizes({name: paths[name] for name in paths if contents[name]}, decoders, pool)
        unreadable |= image_files.larger(sizes, MAX_MEGAPIXELS)
        there = {name: path for name, path in paths.items() if name not in unreadable}
        with disk_space.sentences(root), writing(store) as writer:
            unreadable |= fill(writer, there, contents, settings, decoders, pool, progress)
    if len(unreadable) == len(paths):
        raise image_files.complaint(folder, unreadable, len(paths))
    readable = {name: content for name, content in contents.items() if name not in unreadable}
    return CheckedImages(store, readable, unreadable, sizes)


def look_alikes(images: CheckedImages, progress: Progress) -> LookAlikes:
    """The pairs of different files that show one picture.

    Args:
        images: of the table.
        progress: told (steps done, steps in all).
    """
    N = len(images.names)
    greys = [number for number in range(N) if np.std(images.grey(number)) >= PLAIN]
    hashed = perceptual_hash.hashes(map(images.grey, greys), lambda done: progress(done, 2 * N))
    found = perceptual_hash.candidates(hashed)
    looked = [one._replace(first=greys[one.first], second=greys[one.second]) for one in found[: near_duplicates.MOST]]
    steps = N + len(looked)
    matches = near_duplicates.matches(images.grey, looked, lambda done: progress(N + done, steps))
    plain = sorted(images.names[number] for number in set(range(N)) - set(greys))
    return LookAlikes(matches, plain, len(found) - len(looked))
