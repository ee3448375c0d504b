"""An experiment's backbone, cut, with its weights: those that there are, or random ones from the seed's streams.

N images, S pixels per side, F length of f_RN
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from silktune.core import backbones
from silktune.core.backbones import Prefix, Suffix, measure_statistics
from silktune.core.pixels import as_images
from silktune.data.dataset import Dataset
from silktune.seeds import number, stream
from silktune.settings import Experiment
from silktune.settings.pretrained_weights import RANDOM

IMAGES_MEASURED = 1024  # for the batch-norm statistics of random weights


@dataclass(frozen=True)
class Trunk:
    """Built when a part of it is needed first: where its activations are kept, that may be never."""

    experiment: Experiment
    data: Dataset  # as the experiment sees it
    device: torch.device

    @property
    def prefix(self) -> Prefix:
        """What is frozen, on the device.

        Raises:
            SettingsError: there is no such backbone or weights, or it has fewer blocks.
            ResourceError: its weights cannot be had.
        """
        return self._parts[0]

    @property
    def suffix(self) -> Suffix:
        """The last NB_RN blocks and the pooling, on the device; raises as `prefix`."""
        return self._parts[1]

    def behind(self, NB_RN: int) -> nn.Module:
        """What of the prefix lies behind a cut that leaves more blocks behind it than the experiment trains."""
        trained = self.experiment.net.NB_RN
        left = NB_RN - trained + (trained == 0)  # blocks, and the pooling where it is frozen
        layers: nn.Module = self.prefix.layers[len(self.prefix.layers) - left :]
        return layers

    def autocast(self) -> AbstractContextManager[None]:
        """Inside, networks compute in the experiment's precision."""
        low = self.experiment.train.precision == "bfloat16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=low)

    @cached_property
    def _parts(self) -> tuple[Prefix, Suffix]:
        net, seed = self.experiment.net, self.experiment.train.seed
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(number(seed, "initialisation"))
            backbone = backbones.build(net.trunk, net.weights, self.experiment.data.image_size)
        prefix, suffix = backbone.split(net.NB_RN)
        for part in (prefix, suffix):
            part.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if net.weights == RANDOM:
            measure_statistics(prefix, suffix, self._measured())
        return prefix, suffix

    def _measured(self) -> list[Tensor]:
        """Training images, in batches of equal size."""
        rows = stream(self.experiment.train.seed, "batch norm").permutation(self.data.rows("train"))[:IMAGES_MEASURED]
        batches = np.array_split(rows, -(-len(rows) // 128))
        return [as_images(torch.from_numpy(self.data.images[batch]).to(self.device)) for batch in batches]
