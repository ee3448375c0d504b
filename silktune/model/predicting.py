"""Predicting for a catalogue of any size: chunk after chunk, each kept, so that an interrupted run goes on.

N images of a chunk, S pixels per side
"""

from __future__ import annotations

import itertools
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from silktune.data import decoder_worker
from silktune.data.decoder_pool import Decoders, DiedError
from silktune.data.image_decoding import Image
from silktune.errors import ResourceError, StudyError, trouble
from silktune.model.catalogue import Catalogue
from silktune.model.ensemble import Answers, Ensemble
from silktune.model.proposals import COLUMNS, Rules
from silktune.settings import MAX_MEGAPIXELS

CHUNK = 512  # images that are read and kept together: what an interruption may cost
AT_ONCE = 64  # that the network sees together
REJECTED = ("image", "reason")
KEPT = ("proposals", "rejected")  # of each chunk; the second one is written last
Chunk = NDArray[np.int64]  # rows of the catalogue
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be predicted."""

    model: Ensemble
    catalogue: Catalogue
    rules: Rules
    by_record: bool  # a row for each record: the mean over its images
    key: str  # what the answers depend on: chunks of another key are not gone on with

    def run(self, folder: Path, progress: Progress) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
        """The proposals (`proposals.COLUMNS`) and the rejected images (image, reason) of each chunk, in their order.

        Args:
            folder: where chunks are kept until all are done; what is there of this task is not done again.
            progress: told images done and in all.

        Raises:
            StudyError: the folder is another task's.
            ResourceError: it cannot be written.
        """
        self._begin(folder)
        chunks, done, total = self._chunks(), 0, len(self.catalogue.cells)
        files = [
            (folder / f"{i:06}.proposals.parquet", folder / f"{i:06}.rejected.parquet") for i in range(len(chunks))
        ]
        todo = [i for i, (_, rejected) in enumerate(files) if not rejected.exists()]
        pixels = self._pixels([chunks[i] for i in todo])
        for i, (proposals, rejected) in enumerate(files):
            if i in todo:
                read = next(pixels)
                for path, frame in zip((proposals, rejected), self._answer(chunks[i], read), strict=True):
                    _write(frame, path)
            yield pd.read_parquet(proposals), pd.read_parquet(rejected)
            done += len(chunks[i])
            progress(done, total)

    def _begin(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            about = folder / "task.json"
            if about.exists() and json.loads(about.read_text(encoding="utf-8")) != self.key:
                raise StudyError(
                    f"{folder} holds the beginning of another prediction. Give another --to, or delete that folder."
                )
            about.write_text(json.dumps(self.key), encoding="utf-8")
        except (OSError, ValueError) as error:
            raise ResourceError(f"{folder} cannot be used: {error}.") from error

    def _chunks(self) -> list[Chunk]:
        """All rows, in the table's order; or record after record, none of which is divided."""
        N = len(self.catalogue.cells)
        if not self.by_record:
            return [np.arange(start, min(start + CHUNK, N)) for start in range(0, N, CHUNK)]
        record = self.catalogue.cells["record"].to_numpy(str)
        order = np.argsort(record, kind="stable")
        begins = np.flatnonzero(np.append(True, record[order][1:] != record[order][:-1]))
        chunks, start = [], 0
        for end in [*begins[1:], N]:
            if end - start >= CHUNK or end == N:
                chunks.append(order[start:end])
                start = end
        return chunks

    def _pixels(self, chunks: Sequence[Chunk]) -> Iterator[list[Image | str]]:
        """The images of each chunk or why they cannot be had; the next chunk is decoded while one is used."""
        about, names = self.model.about.preparation, self.catalogue.cells["image"].to_numpy(object)
        count = min(len(os.sched_getaffinity(0)), max(math.ceil(len(self.catalogue.cells) / AT_ONCE), 1))

        with Decoders(count, int(MAX_MEGAPIXELS * 1e6)) as decoders, ThreadPoolExecutor(count) as pool:

            def pixels(row: int) -> Image | str:
                path = self.catalogue.folder / str(names[row])
                if not os.path.isfile(path):
                    return "there is no such file"
                try:
                    return decoders.call(decoder_worker.pixels, path, about.image_size, about.crop)
                except DiedError as error:
                    return f"the process that decoded it died: {error}"

            waiting: list[list[Future[Image | str]]] = []
            try:
                for rows in chunks:
                    waiting.append([pool.submit(pixels, int(row)) for row in rows])
                    if len(waiting) > 1:
                        yield [future.result() for future in waiting.pop(0)]
                while waiting:
                    yield [future.result() for future in waiting.pop(0)]
            finally:
                for future in itertools.chain.from_iterable(waiting):
                    future.cancel()

    def _answer(self, rows: Chunk, read: Sequence[Image | str]) -> tuple[pd.DataFrame, pd.DataFrame]:
        cells = self.catalogue.cells.iloc[rows]
        good = [i for i, image in enumerate(read) if not isinstance(image, str)]
        bad = [(cells["image"].iloc[i], image) for i, image in enumerate(read) if isinstance(image, str)]
        rejected = pd.DataFrame(bad, columns=list(REJECTED), dtype=object)
        if not good:
            return pd.DataFrame(columns=list(COLUMNS), dtype=object), rejected
        pixels = [image for image in read if not isinstance(image, str)]
        parts = [self.model(np.stack(pixels[i : i + AT_ONCE])) for i in range(0, len(pixels), AT_ONCE)]
        answers = Answers(
            tuple(np.concatenate(each) for each in zip(*(part.probabilities for part in parts), strict=True)),
            np.concatenate([part.unlike for part in parts]),
        )
        seen = cells.iloc[good]
        known = {name: self.catalogue.known(name).iloc[rows].iloc[good] for name in self.model.names}
        if self.by_record:
            return self._of_records(seen, known, answers), rejected
        return self.rules.of(seen, {name: column.tolist() for name, column in known.items()}, answers), rejected

    def _of_records(self, seen: pd.DataFrame, known: dict[str, pd.Series[str]], answers: Answers) -> pd.DataFrame:
        names, first, record = np.unique(seen["record"].to_numpy(str), return_index=True, return_inverse=True)
        images = np.bincount(record)
        together = Answers(
            tuple(_means(p, record, images) for p in answers.probabilities),
            np.array([np.median(answers.unlike[record == i]) for i in range(len(names))], np.float32),
        )
        keys = pd.DataFrame({"image": seen["image"].to_numpy(object)[first], "record": names.astype(object)})
        labels = {name: [_first(column.to_numpy(object)[record == i]) for i in range(len(names))]
                  for name, column in known.items()}  # fmt: skip
        return self.rules.of(keys, labels, together)


def _means(p: NDArray[np.float32], record: NDArray[np.int64], images: NDArray[np.int64]) -> NDArray[np.float32]:
    """(N, K) of images → the mean over each record's images."""
    sums = np.zeros((len(images), p.shape[1]))
    np.add.at(sums, record, p)
    return (sums / images[:, None]).astype(np.float32)


def _first(labels: NDArray[np.object_]) -> str:
    """The first label that is known."""
    return next((str(label) for label in labels if label), "")


def _write(frame: pd.DataFrame, path: Path) -> None:
    """Whole or not at all."""
    beside = path.with_name(f".{path.name}.part")
    try:
        frame.to_parquet(beside, index=False)
        beside.replace(path)
    except OSError as error:
        raise ResourceError(trouble(f"{path} could not be written", error)) from error


def forget(folder: Path) -> None:
    """Remove the chunks of a task that is done."""
    shutil.rmtree(folder, ignore_errors=True)
