"""The motifs of the woven samples: what is drawn within one repeat.

Notation: a, b coordinates in [-1, 1] within the repeat, to the right and downwards, (H, W).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def _mask(condition: npt.ArrayLike) -> Mask:
    return np.asarray(condition, bool)


def _ellipse(a: Floats, b: Floats, centre: tuple[float, float], axes: tuple[float, float], turn: float = 0.0) -> Mask:
    x, y = a - centre[0], b - centre[1]
    cos, sin = np.cos(turn), np.sin(turn)
    inside: npt.NDArray[np.bool_] = ((cos * x + sin * y) / axes[0]) ** 2 + ((cos * y - sin * x) / axes[1]) ** 2 < 1
    return inside


def _flower(petals: int, a: Floats, b: Floats) -> Mask:
    radius, angle = np.hypot(a, b), np.arctan2(b, a)
    petals = radius < 0.56 + 0.22 * np.cos(petals * angle)
    heart = (radius < 0.22) & (radius > 0.12)
    return _mask(petals & ~heart)


def _plant(petals: int, a: Floats, b: Floats) -> Mask:
    stem = np.abs(a - 0.2 * np.sin(np.pi * b)) < 0.06
    leaves = _mask(np.zeros_like(stem))
    for number, height in enumerate((-0.7, -0.25, 0.2, 0.65)):
        side = 1 if number % 2 else -1
        leaves |= _ellipse(a, b, (0.36 * side, height), (0.36, 0.15), -0.6 * side)
    return _mask(stem | leaves)


def _geometric_shape(petals: int, a: Floats, b: Floats) -> Mask:
    """Nested lozenges, or nested squares for cloths with few petals."""
    distance = np.abs(a) + np.abs(b) if petals > 6 else 1.25 * np.maximum(np.abs(a), np.abs(b))
    return _mask((distance < 0.32) | ((distance > 0.55) & (distance < 0.88)))


def _stripe(petals: int, a: Floats, b: Floats) -> Mask:
    broad = np.abs(a) < 0.36
    narrow = np.abs(np.abs(a) - 0.68) < 0.08
    return _mask(broad | narrow)


def _animal(petals: int, a: Floats, b: Floats) -> Mask:
    """A bird: body, head, beak, tail and legs."""
    body = _ellipse(a, b, (0.0, 0.1), (0.48, 0.27), -0.25)
    head = _ellipse(a, b, (0.46, -0.3), (0.17, 0.17))
    beak = _ellipse(a, b, (0.68, -0.28), (0.2, 0.06))
    tail = _ellipse(a, b, (-0.6, 0.38), (0.34, 0.1), -0.65)
    tail |= _ellipse(a, b, (-0.64, 0.18), (0.34, 0.08), -0.2)
    legs = (np.abs(np.abs(a - 0.06) - 0.1) < 0.035) & (b > 0.3) & (b < 0.72)
    wing = _ellipse(a, b, (-0.06, 0.06), (0.26, 0.07), -0.5)
    return _mask((body | head | beak | tail | legs) & ~wing)


Motif = Callable[[int, Floats, Floats], Mask]
MOTIFS: dict[str, Motif] = {
    "flower": _flower,
    "plant": _plant,
    "geometric_shape": _geometric_shape,
    "stripe": _stripe,
    "animal": _animal,
}
