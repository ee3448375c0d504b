"""Computing the activations of a data set before its trainings: each image once, whole or not at all.

What an interruption left is gone on with. Where they do not fit, or the disk is full, trainings do without.
"""

from __future__ import annotations

import errno
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from silktune.core.activations.key import Key
from silktune.core.activations.store import ActivationStore, Writer
from silktune.core.batch_sampling import Rows, pieces
from silktune.core.collective import ALONE
from silktune.core.inputs import Inputs
from silktune.core.loader import Batch, Loader
from silktune.core.trunk import Trunk
from silktune.data.dataset import Dataset
from silktune.data.disk_space import size
from silktune.errors import reason
from silktune.settings import Experiment

IMAGES_AT_ONCE = 64
SPARE = 0.5  # of the room that is free on a disk: what may be taken unless a person says how much
GB = 10**9
WORTH_A_WORD = 3.0  # seconds of computing
WITHOUT = "Trials compute them in every epoch"


class Listener(Protocol):
    """Who hears how far it is."""

    def computing(self, done: int, total: int) -> None:
        """Images that are done, of how many."""

    def note(self, sentence: str) -> None:
        """Something that a person should know."""


@dataclass
class Room:
    """How many bytes the activations of a study may take, in all."""

    left: int

    @classmethod
    def of(cls, data: Dataset, gigabytes: float | None) -> Room:
        """As a person says; None: half of what is free on the data set's disk."""
        if gigabytes is not None:
            return cls(int(gigabytes * GB))
        return cls(int(SPARE * shutil.disk_usage(data.folder).free))


def compute(
    keys: Mapping[Key, Experiment],
    data: Dataset,
    device: torch.device,
    room: Room,
    listener: Listener,
    *,
    verify: bool,
) -> list[Key]:
    """See to it that the activations of these keys are there, as far as there is room for them.

    Args:
        keys: each with an experiment whose trunk is cut there.
        data: the data set, of which all images of a subset are computed.
        device: what computes.
        room: is used up.
        listener: hears.
        verify: whether what is there is read and compared with its checksums; what is damaged is computed anew.

    Returns:
        Those that are there, whole.

    Raises:
        SilktuneError: a trunk cannot be built.
    """
    whole: list[Key] = []
    for key, experiment in keys.items():
        task = _Task(ActivationStore.of(data.store, key), experiment, data.seen(experiment.data), device)
        if task.run(room, [ActivationStore.of(data.store, other) for other in whole], listener, verify=verify):
            whole.append(key)
    return whole


@dataclass(frozen=True)
class _Task:
    """The activations of one key."""

    store: ActivationStore
    experiment: Experiment
    data: Dataset  # as the experiment sees it
    device: torch.device

    def run(self, room: Room, nearer: Sequence[ActivationStore], listener: Listener, *, verify: bool) -> bool:
        """Whether all of them are there in the end.

        Args:
            room: is used up.
            nearer: stores that are whole: what lies between may be computed from them.
            listener: hears.
            verify: whether to look for damage.
        """
        rows, writer = self._rows(), None
        contents = [self.data.contents[row] for row in rows]
        try:
            with self.store.writing() as writer:
                if verify:
                    self._verify(writer, contents, listener)
                lacking = self.store.lacks(contents)
                trunk = Trunk(self.experiment, self.data, self.device)
                return not lacking or self._filled(writer, rows[lacking], room, Inputs.of(trunk, nearer), listener)
        except OSError as error:
            return self._failed(error, writer, listener)

    def _verify(self, writer: Writer, contents: Sequence[bytes], listener: Listener) -> None:
        lacking = set(self.store.lacks(contents))
        there = [content for i, content in enumerate(contents) if i not in lacking]
        if there and (damaged := self.store.damaged(there)):
            listener.note(f"{self.store.folder}: {len(damaged)} activations are damaged, and computed anew.")
            writer.drop([there[i] for i in damaged])

    def _rows(self) -> Rows:
        """One row of each image that is in a subset."""
        first = {self.data.contents[row]: row for row in np.flatnonzero(self.data.subset != "")[::-1]}
        return np.array(sorted(first.values()), np.int64)

    def _filled(self, writer: Writer, rows: Rows, room: Room, source: Inputs, listener: Listener) -> bool:
        """`_fill`, with a thread for each of several batches: so rounding does not depend on how many there are."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return self._fill(writer, rows, room, source, listener, threads)
        finally:
            torch.set_num_threads(threads)

    def _fill(self, writer: Writer, rows: Rows, room: Room, source: Inputs, listener: Listener, threads: int) -> bool:
        """Whether these rows, which are lacking, could be added."""
        source.trunk.prefix.eval()  # built now: an estimate is of images alone
        done, began = 0, time.monotonic()
        for part, values in self._values(rows, source, threads):
            if done == 0:
                writer.begin(values.shape[1:], self._about())
                needed = self.store.row_bytes * len(rows)
                if needed > room.left:
                    listener.note(
                        f"{self._what(rows)} need {size(needed)}, but {size(room.left)} may be taken. {WITHOUT}: make "
                        "room, or allow more with --cache-gb."
                    )
                    return False
                room.left -= needed
                self._estimate(rows, needed, len(rows) * (time.monotonic() - began) / len(part), listener)
            writer.append([self.data.contents[row] for row in part], values)
            done += len(part)
            listener.computing(done, len(rows))
        return True

    def _values(self, rows: Rows, source: Inputs, threads: int) -> Iterator[tuple[Rows, Tensor]]:
        """The rows, batch by batch in their order, with their activations."""
        view = self.store.key.view
        views: Callable[[int], Rows] | None = None if view is None else lambda N: np.full(N, view)
        batches = Loader(self.data, source, self.device, ALONE).feed(pieces(rows, IMAGES_AT_ONCE), views)
        at_once = threads if self.device.type == "cpu" else 1
        with ThreadPoolExecutor(at_once, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            waiting = deque(pool.submit(self._computed, batch) for batch in islice(batches, at_once))
            while waiting:
                done = waiting.popleft().result()
                waiting.extend(pool.submit(self._computed, batch) for batch in islice(batches, 1))
                yield done

    def _computed(self, batch: Batch) -> tuple[Rows, Tensor]:
        values = batch.inputs if self.store.key.view is None else batch.inputs_of_views
        return batch.rows, values.to(getattr(torch, self.store.key.precision)).cpu()

    def _about(self) -> dict[str, object]:
        """What a person who lists the stores wants to know."""
        return self.store.key.model_dump() | {"data": self.data.name}

    def _what(self, rows: Rows) -> str:
        return f"Activations of {self.store.key}, of {len(rows):,} images,"

    def _estimate(self, rows: Rows, needed: int, seconds: float, listener: Listener) -> None:
        if seconds >= WORTH_A_WORD:
            listener.note(f"{self._what(rows)} are computed once for all trials: {size(needed)}, {_about(seconds)}.")

    def _failed(self, error: OSError, writer: Writer | None, listener: Listener) -> bool:
        """What is on a disk that is full is given back, since the study needs the room."""
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        if full and writer:
            writer.clear()
        why = "the disk is full" if full else f"this cannot be written ({reason(error)})"
        listener.note(f"{self.store.folder}: {why}, so no activations are kept there. {WITHOUT}.")
        return False


def _about(seconds: float) -> str:
    """A duration, as one says it."""
    if seconds < 90:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"
