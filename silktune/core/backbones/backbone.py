"""What every backbone is, whatever its family: blocks in order, between a stem and a pooling; and its two parts.

Batch norm always uses its stored statistics, in training too, so the prefix is a pure function of the image and the
number of workers changes no statistic. `NB_RN` counts blocks from the end; the stem is never trained.

N images, S pixels per side, F length of f_RN
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from silktune.errors import SettingsError

CUT = "ResNet, EfficientNet, MobileNet, ConvNeXt, ViT with DeiT, DINOv2, CLIP and SigLIP, Swin"  # can be cut


@dataclass(frozen=True)
class Backbone:
    """A network without its classifier, ready to be cut."""

    name: str  # as `net.trunk` has it
    stem: nn.Module  # images (N, 3, S, S), normalised → what the first block starts from
    blocks: Sequence[nn.Module]  # in order; none: it cannot be cut
    pooling: nn.Module  # what the last block gives → f_RN (N, F)
    F: int
    image_size: int  # S that it was made for; others may do
    mean: tuple[float, float, float]  # of the images' channels, in [0, 1], that it was trained with
    deviation: tuple[float, float, float]
    identity_at_first: Callable[[nn.Module], None] | None  # makes a block begin as the identity; None: pretrained

    def split(self, NB_RN: int) -> tuple[Prefix, Suffix]:
        """What is frozen, and the last NB_RN blocks, which are trained; where these are none, the pooling is frozen.

        Raises:
            SettingsError: there are not so many blocks.
        """
        self.check_depth(NB_RN)
        frozen = len(self.blocks) - NB_RN
        if self.identity_at_first:
            for block in self.blocks[frozen:]:
                self.identity_at_first(block)
        pooling = [self.pooling] if NB_RN == 0 else []
        prefix = Prefix([self.stem, *self.blocks[:frozen], *pooling], self.mean, self.deviation)
        return prefix, Suffix([*self.blocks[frozen:], *([] if pooling else [self.pooling])], self.F)

    def check_depth(self, NB_RN: int) -> None:
        """See that there are so many blocks to train.

        Raises:
            SettingsError: there are fewer.
        """
        if NB_RN <= len(self.blocks):
            return
        if not self.blocks:
            raise SettingsError(
                f"net.NB_RN is {NB_RN}, but silktune cannot cut {self.name} into blocks. Give net.NB_RN=0, which "
                f"trains none of it, or a trunk of another family ({CUT})."
            )
        raise SettingsError(f"net.NB_RN is {NB_RN}, but {self.name} has {len(self.blocks)} blocks.")


class Prefix(nn.Module):
    """images (N, 3, S, S) in [0, 1] → what the suffix starts from: a pure function of the image, without gradient."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, layers: Sequence[nn.Module], mean: Sequence[float], deviation: Sequence[float]) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(deviation, dtype=torch.float32).view(1, 3, 1, 1))
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Stays as it is."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        inputs: Tensor = self.layers((images - self.mean) / self.deviation)
        return inputs


class Suffix(nn.Module):
    """What the prefix gives → f_RN (N, F).

    Differs: no ReLU after f_RN (P23 §3.1). Of a ResNet nothing is negative there, since a ReLU comes before its mean
    over pixels, so there it would do nothing; of a transformer or a ConvNeXt, which end in a norm, it would lose half.
    """

    def __init__(self, layers: Sequence[nn.Module], F: int) -> None:
        super().__init__()
        self.layers, self.F = nn.Sequential(*layers), F
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Stays as it is: batch norm uses its stored statistics in training too."""
        return super().train(False)

    def forward(self, inputs: Tensor) -> Tensor:
        f_RN: Tensor = self.layers(inputs)
        return f_RN


@torch.no_grad()
def measure_statistics(prefix: Prefix, suffix: Suffix, batches: Sequence[Tensor]) -> None:
    """Set the stored statistics of all batch norms to those of some images, batch by batch in equal shares.

    For random weights only: their stored statistics (0 and 1) would make batch norm do nothing. Without batch norms
    nothing happens.
    """
    norms = [module for part in (prefix, suffix) for module in part.modules() if isinstance(module, nn.BatchNorm2d)]
    if not norms:
        return
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
        norm.train()
    for images in batches:
        suffix(prefix(images))
    for norm in norms:
        norm.eval()
