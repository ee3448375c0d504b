"""What the steps of an epoch draw from: a stream for each use, so that none moves another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from silktune.seeds import number, stream


@dataclass(frozen=True)
class Chance:
    """The streams of one epoch; all workers have the same and draw for the whole global batch."""

    augmentation: np.random.Generator
    view: np.random.Generator  # which of its V views an image gets
    dropout: torch.Generator  # of an image x
    dropout_augmented: torch.Generator  # of its augmentation x′: there or not, x loses the same

    @classmethod
    def of_epoch(cls, seed: int, epoch: int, device: torch.device) -> Chance:
        """Those of a training's epoch."""
        return cls(
            stream(seed, "augmentation", epoch),
            stream(seed, "view", epoch),
            _generator(device, number(seed, "dropout", epoch)),
            _generator(device, number(seed, "dropout of the augmentation", epoch)),
        )

    @classmethod
    def of_validation(cls, split_seed: int, device: torch.device) -> Chance:
        """The same in every epoch; nothing is dropped then."""
        augmentation, view = stream(split_seed, "validation augmentation"), stream(split_seed, "validation view")
        return cls(augmentation, view, torch.Generator(device), torch.Generator(device))


def _generator(device: torch.device, seed: int) -> torch.Generator:
    return torch.Generator(device).manual_seed(seed)
