"""Sample data woven on the spot: a label table with gaps and rare classes, and pictures to learn it from.

A record is a cloth of which one to three photographs are shown. Its five variables are drawn independently,
the classes unequally; each variable is known for a share of the records only, much as in P23 (its Table 1).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from silktune.data.image_decoding import Image
from silktune.data.sample_data import fabrics
from silktune.errors import DataError
from silktune.outcome import write_whole
from silktune.seeds import stream

VERSION = 2
FEWEST = 60  # images; with fewer, classes would be too rare to split
RAREST = 8  # records of the rarest class, where there are enough
Cells = dict[str, npt.NDArray[np.object_]]  # variable → its class for each record

_VIEWS = (0.45, 0.35, 0.2)  # shares of records with one, two and three images


@dataclass(frozen=True)
class _Draw:
    """How a variable is drawn: its classes, frequent ones first, class k with a weight of k^-steepness."""

    classes: Sequence[str]
    steepness: float
    known: float  # share of the records with a label


VARIABLES = {
    "place": _Draw(tuple(fabrics.PLACES), 1.5, 0.75),
    "time": _Draw(tuple(fabrics.TIMES), 1.9, 0.60),
    "technique": _Draw(fabrics.TECHNIQUES, 2.0, 0.40),
    "material": _Draw(fabrics.MATERIALS, 2.4, 0.75),
    "depiction": _Draw(fabrics.DEPICTIONS, 1.7, 0.25),
}


def weave(folder: Path, images: int, seed: int) -> Path:
    """Weave a sample data set, or find it woven.

    Args:
        folder: where it goes, labels.csv and the folder images; written whole or not at all.
        images: how many, 60 or more.
        seed: the same seed and number give the same data set.

    Returns:
        The label table, `folder/labels.csv`.

    Raises:
        DataError: too few images, or the folder holds something else.
    """
    if images < FEWEST:
        raise DataError(
            f"{images} images are too few for a sample: every class has to be in three subsets. "
            f"Ask for {FEWEST} or more with --images."
        )
    wish = {"version": VERSION, "images": images, "seed": seed}
    if _is_woven(folder, wish):
        return folder / "labels.csv"
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    (part / "images").mkdir(parents=True)
    _fill(part, images, seed)
    write_whole(part / "sample.json", json.dumps(wish))
    part.replace(folder)
    return folder / "labels.csv"


def _is_woven(folder: Path, wish: dict[str, int]) -> bool:
    """Whether the folder holds this very sample already; False if nothing is there."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    marker = folder / "sample.json"
    found = json.loads(marker.read_text(encoding="utf-8")) if marker.is_file() else None
    if found == wish:
        return True
    what = f"a sample of {found['images']} images with seed {found['seed']}" if found else "something else"
    if found and found["version"] != VERSION:
        what += ", woven by another version of silktune,"
    raise DataError(
        f"{folder}: {what} is there already, and nothing is overwritten. Name another folder, or delete it."
    )


def _fill(folder: Path, images: int, seed: int) -> None:
    views = _views(images, seed)
    true, table = _classes(len(views), seed)
    rows = []
    for number, count in enumerate(views):
        record = f"silk{number + 1:04d}"
        cloth = fabrics.Cloth.of({name: str(true[name][number]) for name in true}, stream(seed, "cloth", number))
        for view in range(1, count + 1):
            name = f"{record}_{view}.jpg"
            picture = fabrics.photograph(cloth, stream(seed, "photograph", number, view))
            _save(folder / "images" / name, picture)
            rows.append({"image": name, "record": record, **{v: table[v][number] for v in table}})
    pd.DataFrame(rows).to_csv(folder / "labels.csv", index=False)


def _save(path: Path, picture: Image) -> None:
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 90])
    path.write_bytes(data.tobytes())


def _views(images: int, seed: int) -> list[int]:
    """How many photographs there are of each cloth; `images` in all."""
    drawn = stream(seed, "views").choice((1, 2, 3), images, p=_VIEWS)
    records = int(np.searchsorted(np.cumsum(drawn), images)) + 1
    views: list[int] = drawn[:records].tolist()
    views[-1] -= sum(views) - images
    return views


def _classes(records: int, seed: int) -> tuple[Cells, Cells]:
    """What each cloth is, and what the label table says of it ('' is unknown)."""
    true: Cells = {}
    table: Cells = {}
    for name, draw in VARIABLES.items():
        rng = stream(seed, "labels", name)
        known = max(round(draw.known * records), 4 * len(draw.classes))
        order = rng.permutation(records)
        cells = np.empty(records, object)
        cells[order[:known]] = _unequal(draw, known)
        weights = _weights(draw)
        cells[order[known:]] = rng.choice(draw.classes, records - known, p=weights / weights.sum())
        true[name], table[name] = cells, cells.copy()
        table[name][order[known:]] = ""
    blank = np.all([column == "" for column in table.values()], axis=0)
    table["place"][blank] = true["place"][blank]
    return true, table


def _weights(draw: _Draw) -> npt.NDArray[np.float64]:
    return np.asarray(np.arange(1.0, len(draw.classes) + 1) ** -draw.steepness)


def _unequal(draw: _Draw, records: int) -> list[str]:
    """The classes of `records` records: few of the rare ones, but enough to split."""
    K, weights = len(draw.classes), _weights(draw)
    fewest = max(4, min(RAREST, records // (2 * K)))
    counts = np.maximum(fewest, np.floor(weights / weights.sum() * records).astype(int))
    counts[0] = records - counts[1:].sum()
    return [name for name, count in zip(draw.classes, counts.tolist(), strict=True) for _ in range(count)]
