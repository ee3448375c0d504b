"""Decoded images as a network takes them."""

from __future__ import annotations

from torch import Tensor


def as_images(pixels: Tensor) -> Tensor:
    """(N, S, S, 3) uint8 → (N, 3, S, S) float32 in [0, 1], channels last in memory."""
    return pixels.permute(0, 3, 1, 2).float().div_(255)
