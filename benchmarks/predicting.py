"""`silktune predict` against the trunk alone, and whether its memory grows with the number of images.

The trunk alone sees the same pixels, decoded before, in the same batches. predict is a command of its own; its rate is
that between a smaller and a larger table, so that the start of the command and the loading of the model are not in it.
Many names of one file stand for many files: each is read and decoded.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

import silktune
from benchmarks.cpu_time import show, write
from silktune.core.pixels import as_images
from silktune.data import decoder_worker
from silktune.data.sample_data import collection
from silktune.model.predicting import AT_ONCE

SETTINGS = {
    "net.NB_RN": 0, "net.NN_jfc": (128,), "net.NN_tfc": (),
    "data.image_size": 160, "train.max_epochs": 1,
}  # fmt: skip


def table(folder: Path, woven: Path, count: int) -> Path:
    """A table of so many images, links to the woven ones."""
    files = sorted((woven.parent / "images").iterdir())
    (folder / "images").mkdir(parents=True)
    names = [f"{i:06d}{files[i % len(files)].suffix}" for i in range(count)]
    for i, name in enumerate(names):
        os.link(files[i % len(files)], folder / "images" / name)
    (folder / "table.csv").write_text("\n".join(["image", *names]) + "\n", encoding="utf-8")
    return folder / "table.csv"


# A small process between this one and the command: Linux counts what a process held before it became another.
BETWEEN = """
import resource, subprocess, sys, time
begin = time.monotonic()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
"""


def command(model: Path, source: Path, to: Path) -> tuple[float, float]:
    """Seconds of wall time of a whole predict, and peak memory in MB of the largest of its processes."""
    words = ["-m", "silktune", "predict", str(model), str(source), "--to", str(to), "--device", "cpu"]
    done = subprocess.run([sys.executable, "-c", BETWEEN, sys.executable, *words], check=True, stdout=subprocess.PIPE)
    seconds, peak = map(float, done.stdout.split())
    return seconds, peak


def trunk_alone(model: silktune.Model, images: list[Path], seconds: float) -> float:
    """Images a second of the frozen trunk."""
    about = model.ensemble.about.preparation
    read = [decoder_worker.pixels(path, about.image_size, about.crop) for path in images[:AT_ONCE]]
    pixels = np.stack([image for image in read if not isinstance(image, str)])
    prefix, done, begin = model.ensemble.members[0].network.prefix, 0, time.monotonic()
    while time.monotonic() - begin < seconds:
        prefix(as_images(torch.from_numpy(pixels)))
        done += len(pixels)
    return done / (time.monotonic() - begin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trunk", default="timm/tf_efficientnet_lite0", help="a small one shows the memory sooner")
    parser.add_argument("--weights", default="pretrained", help="net.weights")
    parser.add_argument("--few", type=int, default=1000)
    parser.add_argument("--many", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=20, help="for the trunk alone, before and after")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        woven = collection.weave(folder / "sample", 600, 0)
        settings = SETTINGS | {"net.trunk": asked.trunk, "net.weights": asked.weights}
        silktune.train(woven, settings, folder=folder / "run", root=folder / "runs", device="cpu")
        model = silktune.load(folder / "run", device="cpu")
        images = sorted((woven.parent / "images").iterdir())
        trunk_alone(model, images, 3)
        rates = [trunk_alone(model, images, asked.seconds)]
        measured = {}
        for count in (asked.few, asked.many):
            source = table(folder / f"of {count}", woven, count)
            measured[count] = command(folder / "run", source, folder / f"{count}.csv")
        rates.append(trunk_alone(model, images, asked.seconds))
    (few, low), (many, high) = measured[asked.few], measured[asked.many]
    rate, alone = (asked.many - asked.few) / (many - few), float(np.mean(rates))
    rows = [
        {"images": asked.few, "seconds": few, "peak MB": low},
        {"images": asked.many, "seconds": many, "peak MB": high},
    ]
    show(rows, f"predict {rate:.1f} images/s, the trunk alone {alone:.1f}: {rate / alone:.0%}")
    write(asked.json, {"rate": rate, "trunk alone": alone, "rows": rows})


if __name__ == "__main__":
    main()
