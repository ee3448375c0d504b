"""Trunks of timm, cut into a stem, blocks and what pools them.

What lies between two stages, such as a downsampling, goes with the block after it; what comes after the last block,
such as a norm, goes with the pooling. Put together again, the parts are `forward_features` and `forward_head(…,
pre_logits=True)`, timm's way from an image to features (tested for each class).

N images, S pixels per side, F length of f_RN
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


@dataclass(frozen=True)
class Anatomy:
    """Where the trunks of one class keep their parts: names of their modules."""

    stem: tuple[str, ...]
    stages: tuple[str, ...]  # in order; of blocks, or of stages of blocks
    end: tuple[str, ...] = ()  # of `forward_features`, after the last block
    begins_as_identity: bool = False  # a random block can, by the last batch norm of its residual branch


_VIT = Anatomy(("patch_embed", "pos_drop", "patch_drop", "norm_pre"), ("blocks",), ("norm",))
ANATOMIES = {  # class of timm's → its anatomy; who derives from it has the same, unless it has its own forward_features
    "ResNet": Anatomy(
        ("conv1", "bn1", "act1", "maxpool"), ("layer1", "layer2", "layer3", "layer4"), begins_as_identity=True
    ),
    "EfficientNet": Anatomy(("conv_stem", "bn1"), ("blocks",), ("conv_head", "bn2"), begins_as_identity=True),
    "MobileNetV3": Anatomy(("conv_stem", "bn1"), ("blocks",), begins_as_identity=True),
    "ConvNeXt": Anatomy(("stem",), ("stages",), ("norm_pre",)),
    "VisionTransformer": _VIT,
    "SwinTransformer": Anatomy(("patch_embed",), ("layers",), ("norm",)),
    "SwinTransformerV2": Anatomy(("patch_embed",), ("layers",), ("norm",)),
}


def anatomy(trunk: nn.Module) -> Anatomy | None:
    """Where a trunk keeps its parts; None: silktune cannot cut it."""
    for kind in type(trunk).__mro__:
        if "forward_features" in vars(kind):
            return ANATOMIES.get(kind.__name__)
    return None


def cut(trunk: Any, parts: Anatomy) -> tuple[nn.Module, Sequence[nn.Module], nn.Module]:
    """Take a trunk apart: stem, blocks, pooling; it is no use afterwards."""
    blocks = [block for name in parts.stages for block in _blocks(getattr(trunk, name))]
    for name in parts.stages:
        setattr(trunk, name, nn.Sequential())
    end = nn.Sequential(*(getattr(trunk, name) for name in parts.end))
    for name in parts.end:
        setattr(trunk, name, nn.Identity())
    head = deepcopy(trunk)  # small: without its blocks
    for name, _ in list(trunk.named_children()):
        setattr(head if name in parts.stem else trunk, name, nn.Identity())
    for name, _ in list(trunk.named_parameters(recurse=False)):  # tokens, positions
        setattr(head, name, None)
    for name in parts.stages:
        setattr(trunk, name, nn.Sequential())
    return _Stem(trunk), blocks, _Pooling(end, head)


def begin_as_identity(block: Any) -> None:
    """The residual branch of a block starts at 0, where it has one: the last batch norm in it scales with 0."""
    if hasattr(block, "zero_init_last"):
        block.zero_init_last()
    elif getattr(block, "has_skip", False):  # not every block of an EfficientNet has
        *_, last = (module for module in block.modules() if isinstance(module, nn.BatchNorm2d))
        nn.init.zeros_(last.weight)


class Whole(nn.Module):
    """A trunk in one piece: images (N, 3, S, S) → f_RN (N, F)."""

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__()
        self.trunk: Any = trunk

    def forward(self, images: Tensor) -> Tensor:
        f_RN: Tensor = self.trunk.forward_head(self.trunk.forward_features(images), pre_logits=True)
        return f_RN


class _Stem(nn.Module):
    """A trunk without its blocks and what follows them: images (N, 3, S, S) → what the first block starts from."""

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__()
        self.trunk: Any = trunk

    def forward(self, images: Tensor) -> Tensor:
        inputs: Tensor = self.trunk.forward_features(images)
        return inputs


class _Pooling(nn.Module):
    """A trunk without its stem and its blocks: what the last block gives → f_RN (N, F)."""

    def __init__(self, end: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.end = end
        self.head: Any = head

    def forward(self, features: Tensor) -> Tensor:
        f_RN: Tensor = self.head.forward_head(self.end(features), pre_logits=True)
        return f_RN


def _blocks(stage: Any) -> Iterator[nn.Module]:
    """The blocks of a stage, of stages in stages; what changes the resolution before them is a part of the first."""
    if isinstance(stage, nn.Sequential | nn.ModuleList):
        for part in stage:
            yield from _blocks(part)
    elif hasattr(stage, "downsample") and hasattr(stage, "blocks"):
        first, *others = stage.blocks
        yield first if isinstance(stage.downsample, nn.Identity) else nn.Sequential(stage.downsample, first)
        yield from others
    else:
        yield stage
