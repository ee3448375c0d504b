"""Batches of the prepared data set on their way to a device: read, converted and moved one ahead of their use.

N images of a batch, of which a worker has n (`collective`); M variables, S pixels per side.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from silktune.core.batch_sampling import Rows
from silktune.core.collective import World
from silktune.data.dataset import Dataset


@dataclass(frozen=True)
class Batch:
    """What a worker's training step needs to know of a global batch."""

    own: slice  # the n of the N rows that are this worker's
    images: Tensor  # (n, 3, S, S) float32 in [0, 1], channels last in memory
    inputs: Tensor  # what the network starts from: what the frozen prefix makes of the images
    labels: Tensor  # (N, M) int64, −1 unknown
    colour: Tensor  # (N, 25) float32, the colour descriptors


def feed(
    data: Dataset, batches: Sequence[Rows], device: torch.device, world: World, prefix: Callable[[Tensor], Tensor]
) -> Generator[Batch, None, None]:
    """A worker's part of the batches in their order; the next one is read while this one is worked on."""
    with ThreadPoolExecutor(max_workers=1) as reader:
        waiting = [reader.submit(_read, data, rows, device, world) for rows in batches[:1]]
        for rows in batches[1:]:
            read = waiting.pop().result()
            waiting.append(reader.submit(_read, data, rows, device, world))
            yield _batch(*read, prefix)
        for last in waiting:
            yield _batch(*last.result(), prefix)


def _batch(own: slice, images: Tensor, labels: Tensor, colour: Tensor, prefix: Callable[[Tensor], Tensor]) -> Batch:
    return Batch(own, images, prefix(images), labels, colour)


def _read(data: Dataset, rows: Rows, device: torch.device, world: World) -> tuple[slice, Tensor, Tensor, Tensor]:
    own = world.share(len(rows))
    pixels = torch.from_numpy(data.images[rows[own]])  # a copy in memory, uint8: a quarter of the floats
    labels, colour = torch.from_numpy(data.labels[rows]), torch.from_numpy(data.colour[rows])
    if device.type == "cuda":
        pixels, labels, colour = (tensor.pin_memory() for tensor in (pixels, labels, colour))
    images = pixels.to(device, non_blocking=True).permute(0, 3, 1, 2).float() / 255
    return own, images, labels.to(device, non_blocking=True), colour.to(device, non_blocking=True)
