"""Preparing images, by part, whole, and reading them again in batches.

CPU time of one process for each part of an image; a whole preparation with one decoder, in CPU time of both processes
without their start; random batches from the prepared store; what is frozen of a small trunk, computed and read again.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import pickle
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from benchmarks.cpu_time import milliseconds, show, write
from benchmarks.decoding import photograph
from silktune.core.activations.compute import Room, compute
from silktune.core.activations.needed import needed
from silktune.core.activations.store import ActivationStore
from silktune.core.collective import ALONE
from silktune.core.inputs import Inputs
from silktune.core.loader import Loader
from silktune.core.trunk import Trunk
from silktune.data.colour import SIDE, descriptor
from silktune.data.dataset import Dataset
from silktune.data.image_decoding import decode, header, resize
from silktune.data.image_store import HASH, ImageStore
from silktune.data.image_store_writer import writing
from silktune.data.prepare import CHUNK, prepare
from silktune.seeds import stream
from silktune.settings import Data, Experiment

CPU = torch.device("cpu")
TRUNK = "timm/tf_efficientnet_lite0"  # whose weights come with the extra [lite]
PLACES = ("FR", "IT", "ES")


def table(folder: Path, images: int, width: int) -> Path:
    """A label table and its images: windows of one photograph, JPEG."""
    whole, random = photograph(4 * width), stream(0, "windows")
    height = width * 2 // 3
    rows = []
    for number in range(images):
        top, left = (
            int(random.integers(size - side)) for size, side in zip(whole.shape, (height, width), strict=False)
        )
        cv2.imwrite(str(folder / f"{number}.jpg"), whole[top : top + height, left : left + width])
        rows.append((number, f"{number}.jpg", PLACES[number % len(PLACES)]))
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("record", "image", "place"), *rows])
    return folder / "labels.csv"


def by_part(file: Path, size: int, folder: Path, rounds: int) -> dict[str, float]:
    """Milliseconds of CPU for an image, for each part of preparing it."""
    data = file.read_bytes()
    image = decode(data, str(file), max(size, SIDE))
    pixels = resize(image, size)
    row = pixels, descriptor(pixels if size == SIDE else image).astype(np.float32)
    parts: dict[str, Callable[[], object]] = {
        "read and hash": lambda: hashlib.blake2b(file.read_bytes(), digest_size=HASH).digest(),
        "header": lambda: header(data),
        "header and decode": lambda: decode(data, str(file), max(size, SIDE)),
        "resize": lambda: resize(image, size),
        "descriptor": lambda: descriptor(pixels if size == SIDE else image),
        "to bytes and back": lambda: pickle.loads(pickle.dumps(row)),
    }
    with writing(ImageStore(folder / "store", size)) as store:
        chunk = {number.to_bytes(HASH, "little"): row for number in range(CHUNK)}
        parts[f"write {CHUNK}"] = lambda: store.append(chunk)
        times = milliseconds(parts, rounds)
    times["write"] = times.pop(f"write {CHUNK}") / CHUNK
    return times | {"all but decode": sum(times.values()) - times["header and decode"]}


def used() -> float:
    """Seconds of CPU of this process and of those that it started and that have ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in both)


def prepared(table: Path, images: int, size: int, root: Path) -> Path:
    """The folder of the first images of the table, prepared with one decoder."""
    some = table.with_name(f"labels-{images}.csv")
    some.write_text(
        "".join(table.read_text(encoding="utf-8").splitlines(keepends=True)[: images + 1]), encoding="utf-8"
    )
    return prepare(some, table.parent, Data(image_size=size), root, workers=1)


def whole(table: Path, images: int, size: int, folder: Path) -> tuple[dict[str, float], Dataset]:
    """What preparing all images takes beyond preparing a sixth of them, so that no process's start is counted."""
    few, marks = images // 6, [(used(), time.perf_counter())]
    for count in (few, images):
        opened = Dataset.open(prepared(table, count, size, folder / f"of-{count}"))
        marks.append((used(), time.perf_counter()))
    (cpu, wall), (cpu_few, wall_few), (cpu_all, wall_all) = marks
    cpu = (cpu_all - cpu_few) - (cpu_few - cpu)
    wall = (wall_all - wall_few) - (wall_few - wall)
    rate = (images - few) / cpu
    row = sum(ImageStore(folder, size).row_bytes.values())
    return {
        "images/s per core": rate,
        "ms of CPU": 1000 / rate,
        "ms": 1000 * wall / (images - few),
        "bytes": row,
    }, opened


def reading(data: Dataset, N: int, epochs: int) -> dict[str, float]:
    """Images per second of this process's time in random batches of N, as pixels and as a training gets them."""
    everything = [stream(0, "batches", e).permutation(len(data.images)) for e in range(epochs)]
    batches = [rows[start : start + N] for rows in everything for start in range(0, len(rows), N)]
    images, rates = epochs * len(data.images), {}
    loader = Loader(data, Inputs.of(Trunk(Experiment(), data, CPU)), CPU, ALONE)
    ways: dict[str, Callable[[], object]] = {
        "pixels": lambda: [data.images[rows].shape for rows in batches],
        "batches": lambda: [len(batch.images) for batch in loader.feed(batches, images=True)],
    }
    for name, ms in milliseconds(ways, 3).items():
        rates[f"{name}: images/s"] = 1000 * images / ms
    return rates


def activations(data: Dataset, NB_RN: int, N: int) -> dict[str, float]:
    """What lite0's frozen part costs, and what reading it again does, in CPU time of this process."""
    experiment = Experiment().with_({"net.trunk": TRUNK, "net.NB_RN": NB_RN, "loss.alpha_slf": 0.0})
    keys = needed([experiment], data)
    start = used()
    (key,) = compute(keys, data, CPU, Room.of(data, None), Silent(), verify=True)
    computed = used() - start
    store = ActivationStore.of(data.store, key)
    reader = store.reader(data.contents)
    batches = [stream(0, "batches", e).permutation(len(data.images))[:N] for e in range(8)]
    ms = milliseconds({"read": lambda: [reader[rows].shape for rows in batches]}, 3)["read"]
    return {
        "NB_RN": NB_RN,
        "images/s computed": len(data.images) / computed,
        "bytes": store.row_bytes,
        "images/s read": 1000 * sum(map(len, batches)) / ms,
    }


class Silent:
    """Nobody listens."""

    def computing(self, done: int, total: int) -> None: ...

    def note(self, sentence: str) -> None: ...


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.preparing", description=__doc__)
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--width", type=int, default=400, help="pixels of a JPEG, whose height is two thirds of that")
    parser.add_argument("--size", type=int, default=224, help="pixels per side of what is prepared")
    parser.add_argument("--batch", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--json", type=Path, help="a file for the figures")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        labels = table(folder, arguments.images, arguments.width)
        parts = by_part(folder / "0.jpg", arguments.size, folder, arguments.rounds)
        show([parts], f"Milliseconds of CPU for an image of {arguments.size} pixels per side, by part")
        together, data = whole(labels, arguments.images, arguments.size, folder)
        show([together], f"{arguments.images} images with one decoder, both processes")
        read = reading(data, arguments.batch, 2)
        show([read], f"Reading random batches of {arguments.batch}, per second of CPU")
        kept = [activations(data, NB_RN, arguments.batch) for NB_RN in (0, 3)]
        show(kept, f"Activations of {TRUNK}, per second of CPU")
    write(arguments.json, {"parts": parts, "whole": together, "reading": read, "activations": kept})


if __name__ == "__main__":
    main()
