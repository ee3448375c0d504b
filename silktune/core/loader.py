"""Batches of the prepared data set on their way to a device: read and moved one ahead of their use.

N images of a batch, of which a worker has n (`collective`); M variables, S pixels per side.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from silktune.core.batch_sampling import Rows
from silktune.core.collective import World
from silktune.core.inputs import Inputs
from silktune.core.pixels import as_images
from silktune.data.dataset import Dataset

Views = Callable[[int], Rows]  # N → (N,) which of its V views each image of a batch gets


@dataclass(frozen=True)
class Batch:
    """What a worker's training step needs to know of a global batch."""

    own: slice  # the n of the N rows that are this worker's
    rows: Rows  # (n,) of the data set
    views: Rows | None  # (n,) which view of each; None: none is wanted
    labels: Tensor  # (N, M) int64, −1 unknown
    colour: Tensor  # (N, 25) float32, the colour descriptors
    source: Inputs
    pixels: Tensor | None  # (n, S, S, 3) uint8; None: not needed
    stored: Tensor | None  # the stored activations of the images
    stored_views: Tensor | None  # and of their views

    @cached_property
    def images(self) -> Tensor:
        """(n, 3, S, S) float32 in [0, 1], channels last in memory."""
        assert self.pixels is not None, "images were not asked for"
        return as_images(self.pixels)

    @cached_property
    def inputs(self) -> Tensor:
        """What the network starts from."""
        return self.source.prefix(self.images) if self.stored is None else self.source.rest(self.stored)

    @cached_property
    def inputs_of_views(self) -> Tensor:
        """The same of the views."""
        assert self.views is not None, "no views were asked for"
        if self.stored_views is None:
            return self.source.prefix(self.source.view(self.images, self.rows, self.views))
        return self.source.rest(self.stored_views)


@dataclass(frozen=True)
class Loader:
    """Where the batches of one worker of a training come from."""

    data: Dataset
    source: Inputs
    device: torch.device
    world: World

    def feed(
        self, batches: Sequence[Rows], views: Views | None = None, *, images: bool = False
    ) -> Generator[Batch, None, None]:
        """This worker's part of the batches in their order; the next one is read while this one is worked on.

        Args:
            batches: N rows each.
            views: draws the views of a batch; None: no view is wanted.
            images: whether the images themselves are needed, whatever is stored.
        """
        with ThreadPoolExecutor(max_workers=1) as reader:
            waiting = [reader.submit(self._read, rows, views, images) for rows in batches[:1]]
            for rows in batches[1:]:
                batch = waiting.pop().result()
                waiting.append(reader.submit(self._read, rows, views, images))
                yield batch
            for last in waiting:
                yield last.result()

    def _read(self, rows: Rows, views: Views | None, images: bool) -> Batch:
        own, source = self.world.share(len(rows)), self.source
        mine, drawn = rows[own], views(len(rows))[own] if views else None
        view_is_stored = drawn is not None and bool(source.views)
        needs_pixels = images or source.stored is None or (drawn is not None and not view_is_stored)
        return Batch(
            own, mine, drawn,
            self._move(torch.from_numpy(self.data.labels[rows])),
            self._move(torch.from_numpy(self.data.colour[rows])),
            source,
            self._move(torch.from_numpy(self.data.images[mine])) if needs_pixels else None,  # a quarter of the floats
            self._move(source.stored[mine]) if source.stored else None,
            self._move(source.read_views(mine, drawn)) if drawn is not None and view_is_stored else None,
        )  # fmt: skip

    def _move(self, tensor: Tensor) -> Tensor:
        return tensor.pin_memory().to(self.device, non_blocking=True) if self.device.type == "cuda" else tensor
