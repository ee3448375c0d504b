"""What a network starts from: what the frozen prefix makes of images, computed in every step or read from a store.

Either way the numbers agree to rounding. The augmented image x′ (P23 Eq. 8) is one afresh in every step, the papers'
way, or one of V views that an image has for good (`train.self_views`), which a store can hold too.

n images of a worker's part of a batch, S pixels per side
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from silktune.core import augment
from silktune.core.activations.key import Key
from silktune.core.activations.store import Activations, ActivationStore
from silktune.core.batch_sampling import Rows
from silktune.core.trunk import Trunk
from silktune.seeds import stream


@dataclass(frozen=True)
class Inputs:
    """The inputs of an experiment's network."""

    trunk: Trunk
    stored: Activations | None = None  # of the images; None: they are computed
    views: Sequence[Activations] = ()  # of their V views; empty: they are computed
    cut: int = 0  # how many blocks lie behind what is stored

    @classmethod
    def of(cls, trunk: Trunk, stores: Sequence[ActivationStore] = ()) -> Inputs:
        """From the stores, of which the one with the fewest blocks left to compute is taken, or from pixels.

        Args:
            trunk: of the experiment.
            stores: each with all images that will be asked for.
        """
        experiment, data, by_key = trunk.experiment, trunk.data, {store.key: store for store in stores}
        for cut in sorted({key.NB_RN for key in by_key if key.NB_RN >= experiment.net.NB_RN}):
            image, *views = (
                by_key.get(Key.of(experiment, data, cut, view)) for view in (None, *range(experiment.train.self_views))
            )
            if image:
                held = [store.reader(data.contents) for store in views if store]
                return cls(trunk, image.reader(data.contents), held if len(held) == len(views) else (), cut)
        return cls(trunk)

    @property
    def length(self) -> int | None:
        """F, where f_RN itself is stored and the trunk need not be built."""
        return self.stored.values.shape[1] if self.stored and self.cut == 0 else None

    def prefix(self, images: Tensor) -> Tensor:
        """(n, 3, S, S) in [0, 1] → inputs."""
        with self.trunk.autocast():
            return self._precise(self.trunk.prefix(images))

    def view(self, images: Tensor, rows: Rows, views: Rows) -> Tensor:
        """(n, 3, S, S) → the same images as their views show them.

        Args:
            images: in [0, 1].
            rows: (n,) where they are in the data set.
            views: (n,) which view of each.
        """
        contents = self.trunk.data.contents
        return augment.apply(images, self_views([contents[row] for row in rows], views))

    def read_views(self, rows: Rows, views: Rows) -> Tensor:
        """(n, …) the stored activations of one view of each image."""
        return torch.stack([self.views[v][rows[i]] for i, v in enumerate(views)])

    @torch.no_grad()
    def rest(self, activations: Tensor) -> Tensor:
        """What is stored → inputs."""
        if self.cut == self.trunk.experiment.net.NB_RN:
            return activations
        with self.trunk.autocast():
            return self._precise(self.trunk.behind(self.cut)(activations))

    def _precise(self, inputs: Tensor) -> Tensor:
        """In the precision in which they would be stored."""
        return inputs.to(getattr(torch, self.trunk.experiment.train.precision))


def self_views(contents: Sequence[bytes], views: Sequence[int] | Rows) -> augment.Augmentation:
    """The augmentation that makes view v of an image: a function of its content and v.

    Args:
        contents: n hashes of image files.
        views: n numbers of views.
    """
    seeds = (int.from_bytes(content[:8], "little") >> 1 for content in contents)
    drawn = [augment.draw(1, stream(seed, "self view", int(v))) for seed, v in zip(seeds, views, strict=True)]
    return augment.together(drawn)
