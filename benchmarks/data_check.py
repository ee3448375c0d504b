"""What `silktune data check` finds of the faults that are put into a real label table and its images.

Copies of images (rescaled, compressed again, cropped) as records of their own, contradictions of the table, and labels
replaced by another class, drawn by chance. A pair counts as false where its images come from different files, even if
they look alike. Files that are right are copied, and the originals are not touched.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

import silktune
from benchmarks.cpu_time import show, write
from silktune.data.check.findings import Report
from silktune.data.image_files import image_folder
from silktune.data.label_table import LabelTable, read
from silktune.data.split import split
from silktune.seeds import stream

FIRST = 50  # of a ranking: what a person looks through


@dataclass
class Planted:
    """A table with faults, and which they are."""

    table: Path
    originals: dict[str, str] = field(default_factory=dict)  # image → what it was made from
    kinds: dict[str, str] = field(default_factory=dict)  # copy → how it was made
    faults: dict[tuple[str, str], str] = field(default_factory=dict)  # kind, what it is about → in words
    wrong: set[tuple[str, str]] = field(default_factory=set)  # image, variable


def copy_of(image: np.ndarray, kind: str, random: np.random.Generator) -> bytes:
    """A JPEG of a picture as people make copies."""
    height, width = image.shape[:2]
    quality = int(random.integers(25, 70)) if kind == "recompressed" else 90
    if kind == "rescaled":
        scale = random.uniform(0.5, 1.6)
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=how)
    if kind == "cropped":
        left, top, right, bottom = random.uniform(0, 0.05, 4)
        image = image[
            round(top * height) : height - round(bottom * height), round(left * width) : width - round(right * width)
        ]
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


def with_copies_and_contradictions(source: LabelTable, images: Path, folder: Path, copies: int) -> Planted:
    """A table in which each fault has several cases; `copies` of each kind."""
    random, cells, made = stream(0, "planted"), _splitted(source), Planted(folder / "labels.csv")
    (folder / "images").mkdir()
    for name in cells["image"]:
        shutil.copy(images / name, folder / "images" / name)
        made.originals[name] = name
    rows = [cells]
    for kind in ("rescaled", "recompressed", "cropped"):
        for number, name in enumerate(random.choice(cells["image"].to_numpy(str), copies, replace=False)):
            copy = f"{kind}{number:03d}.jpg"
            data = copy_of(cv2.imread(str(images / name)), kind, random)
            (folder / "images" / copy).write_bytes(data)
            made.originals[copy], made.kinds[copy] = name, kind
            rows.append(cells[cells["image"] == name].assign(image=copy, record=f"record of {copy}"))
    for name in random.choice(cells["image"].to_numpy(str), 5, replace=False):
        same = f"same {name}"
        shutil.copy(images / name, folder / "images" / same)
        made.originals[same] = name
        made.faults["same image", name] = "one file under two names"
        rows.append(cells[cells["image"] == name].assign(image=same, record=f"record of {same}"))
    cells = pd.concat(rows, ignore_index=True)
    _contradict(cells, source, made, random)
    cells.to_csv(made.table, index=False)
    return made


def _splitted(source: LabelTable) -> pd.DataFrame:
    """Its cells, with the split that would be drawn."""
    drawn = split(source, seed=0, min_records=3).samples.set_index("image")["subset"]
    subset = source.cells["image"].map(drawn).fillna("train").replace("", "train")
    return source.cells.assign(split=subset.groupby(source.cells["record"]).transform("first"))


def _contradict(cells: pd.DataFrame, source: LabelTable, made: Planted, random: np.random.Generator) -> None:
    """Records in two subsets, and classes that are written in two ways."""
    sizes = cells["record"].value_counts()
    for record in random.choice(sizes.index[sizes > 1].to_numpy(str), 5, replace=False):
        row = cells.index[cells["record"] == record][0]
        cells.loc[row, "split"] = "test" if cells.loc[row, "split"] != "test" else "train"
        made.faults["split", record] = "a record in two subsets"
    for name in source.variables[:2]:
        counts = cells.loc[cells[name] != "", name].value_counts()
        frequent, other = [label for label in counts.index if len(label) > 5 and label.isalpha()][:2]
        for label, spelled in ((frequent, frequent.title()), (other, other[:2] + other[3:])):
            rows = random.choice(cells.index[cells[name] == label].to_numpy(), 4, replace=False)
            cells.loc[rows, name] = spelled
            made.faults["classes that look alike", spelled] = "a class spelled in two ways"


def with_wrong_labels(source: LabelTable, images: Path, folder: Path, share: float, seed: int) -> Planted:
    """A table in which this share of the labels of every variable is another class, drawn by chance."""
    made, cells = Planted(folder / "labels.csv"), source.cells.copy()
    for name in source.variables:
        random = stream(seed, "wrong", name)
        rows = np.flatnonzero(cells[name] != "")
        classes = np.array(sorted(set(cells[name].iloc[rows])))
        for row in random.choice(rows, round(share * len(rows)), replace=False):
            others = classes[classes != cells[name].iloc[row]]
            cells.iloc[row, cells.columns.get_loc(name)] = random.choice(others)
            made.wrong.add((cells["image"].iloc[row], name))
    cells.drop(columns="split").to_csv(made.table, index=False)
    (folder / "images").symlink_to(images.resolve())
    return made


def pairs_found(report: Report, made: Planted) -> Iterator[Mapping[str, object]]:
    """Copies that were found with their original, by kind, and pairs that are none."""
    found = {frozenset((pair.first, pair.second)) for pair in report.pairs}
    for kind in dict.fromkeys(made.kinds.values()):
        copies = [copy for copy in made.kinds if made.kinds[copy] == kind]
        hits = sum(any({copy, name} == {*pair} for pair in found for name in _same(copy, made)) for copy in copies)
        yield {"copies": kind, "planted": len(copies), "found": hits, "recall": hits / len(copies)}
    false = [pair for pair in report.pairs if made.originals[pair.first] != made.originals[pair.second]]
    planted, hits = len(made.kinds), sum(any(copy in pair for pair in found) for copy in made.kinds)
    yield {"copies": "all", "planted": planted, "found": hits, "recall": hits / planted}
    yield {
        "copies": "pairs",
        "planted": len(report.pairs),
        "found": len(false),
        "recall": len(false) / len(report.pairs),
    }


def _same(copy: str, made: Planted) -> list[str]:
    """The files that show what a copy shows, the copies of copies apart."""
    return [name for name in made.originals if made.originals[name] == made.originals[copy] and name not in made.kinds]


def faults_found(report: Report, made: Planted) -> Iterator[Mapping[str, object]]:
    """Contradictions of the table, by kind."""
    there = {(finding.kind, name) for finding in report.findings for name in finding.where}
    for words in dict.fromkeys(made.faults.values()):
        planted = [fault for fault, of in made.faults.items() if of == words]
        yield {"fault": words, "planted": len(planted), "found": sum(fault in there for fault in planted)}


def labels_found(report: Report, made: Planted) -> Iterator[Mapping[str, object]]:
    """Of each variable and of all: how many of the first labels of the ranking are wrong, and of all that it names."""
    ranking = [(label.image, label.variable) for label in report.labels]
    for name in (*report.variables, ""):
        named = [label for label in ranking if not name or label[1] == name]
        wrong = {label for label in made.wrong if not name or label[1] == name}
        labels = sum(judged.labels for judged in report.judged if not name or judged.variable == name)
        first = named[:FIRST]
        hits, chance = sum(label in wrong for label in first), len(wrong) / labels
        yield {
            "labels": name or "all", "wrong": len(wrong), "share": chance, "first": len(first), "hits": hits,
            "times chance": hits / len(first) / chance if first else 0.0, "named": len(named),
            "precision": sum(label in wrong for label in named) / max(1, len(named)),
            "recall": sum(label in wrong for label in named) / len(wrong),
        }  # fmt: skip


def checked(made: Planted, folder: Path) -> tuple[Report, float]:
    """The report of a table, and the seconds that it took."""
    began = time.perf_counter()
    report = silktune.check(made.table, root=folder / "runs").report
    return report, time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.data_check", description=__doc__)
    parser.add_argument("table", type=Path, help="a label table with images and few faults")
    parser.add_argument("--copies", type=int, default=60, help="of each kind")
    parser.add_argument("--wrong", type=float, nargs="+", default=[0.05, 0.1], help="shares of labels that are wrong")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    arguments = parser.parse_args()
    source = read(arguments.table)
    images, figures = image_folder(source, None), {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "copies").mkdir()
        made = with_copies_and_contradictions(source, images, folder / "copies", arguments.copies)
        report, seconds = checked(made, folder)
        figures["copies"], figures["faults"] = [*pairs_found(report, made)], [*faults_found(report, made)]
        show(figures["copies"], f"Copies; in the last line pairs, and those of different files: {seconds:.0f} s in all")
        show(figures["faults"], "Contradictions")
        for share in arguments.wrong:
            (folder / f"wrong{share}").mkdir()
            made = with_wrong_labels(source, images, folder / f"wrong{share}", share, 0)
            report, seconds = checked(made, folder)
            figures[f"wrong {share}"] = [*labels_found(report, made)]
            show(figures[f"wrong {share}"], f"{share:.0%} of the labels wrong, images computed before: {seconds:.0f} s")
    write(arguments.json, figures)


if __name__ == "__main__":
    main()
