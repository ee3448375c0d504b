"""The motifs of the woven samples: what is drawn within one repeat, and what stands between the repeats.

Notation: a, b coordinates in [-1, 1] within the repeat, to the right and downwards, (H, W).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def _mask(condition: npt.ArrayLike) -> Mask:
    return np.asarray(condition, bool)


def _ellipse(a: Floats, b: Floats, centre: tuple[float, float], axes: tuple[float, float], turn: float = 0.0) -> Mask:
    x, y = a - centre[0], b - centre[1]
    cos, sin = math.cos(turn), math.sin(turn)
    along, across = cos / axes[0] * x + sin / axes[0] * y, cos / axes[1] * y - sin / axes[1] * x
    inside: npt.NDArray[np.bool_] = along * along + across * across < 1
    return inside


# ---------------------------------------------------------------------------- motifs ← depiction


def _rosette(petals: int, a: Floats, b: Floats) -> Mask:
    radius, angle = np.hypot(a, b), np.arctan2(b, a)
    leaves = radius < 0.56 + 0.22 * np.cos(petals * angle)
    heart = (radius < 0.22) & (radius > 0.12)
    return _mask(leaves & ~heart)


def _tulip(petals: int, a: Floats, b: Floats) -> Mask:
    """Three petals that close upwards, on a stem with two leaves."""
    cup = _ellipse(a, b, (0.0, -0.32), (0.17, 0.44))
    stem = (np.abs(a) < 0.05) & (b > 0.0) & (b < 0.85)
    for side in (-1, 1):
        cup |= _ellipse(a, b, (0.27 * side, -0.28), (0.15, 0.42), 0.35 * side) & (np.abs(a) > 0.19)
        stem |= _ellipse(a, b, (0.28 * side, 0.5), (0.34, 0.1), -0.7 * side)
    return _mask(cup | stem)


def _carnation(petals: int, a: Floats, b: Floats) -> Mask:
    """A fan with a jagged rim over a calyx."""
    radius, angle = np.hypot(a, b - 0.25), np.arctan2(a, 0.25 - b)
    fan = (np.abs(angle) < 1.1) & (radius < 0.85 + 0.09 * np.cos(2 * petals * angle)) & (radius > 0.34)
    veins = np.abs(np.sin(1.5 * petals * angle)) < 0.14
    return _mask((fan & ~(veins & (radius > 0.5))) | _ellipse(a, b, (0.0, 0.4), (0.15, 0.34)))


def _branch(petals: int, a: Floats, b: Floats) -> Mask:
    stem = np.abs(a - 0.2 * np.sin(np.pi * b)) < 0.06
    leaves = _mask(np.zeros_like(stem))
    for number, height in enumerate((-0.7, -0.25, 0.2, 0.65)):
        side = 1 if number % 2 else -1
        leaves |= _ellipse(a, b, (0.36 * side, height), (0.36, 0.15), -0.6 * side)
    return _mask(stem | leaves)


def _ear(petals: int, a: Floats, b: Floats) -> Mask:
    """A stalk with pairs of narrow grains that point upwards."""
    plant = (np.abs(a) < 0.04) & (b > -0.7)
    for height in np.linspace(-0.65, 0.55, 5):
        for side in (-1, 1):
            plant |= _ellipse(a, b, (0.22 * side, float(height)), (0.29, 0.085), -0.95 * side)
    return _mask(plant)


def _nested(petals: int, a: Floats, b: Floats) -> Mask:
    """Nested lozenges, or nested squares for cloths with few petals."""
    distance = np.abs(a) + np.abs(b) if petals > 6 else 1.25 * np.maximum(np.abs(a), np.abs(b))
    return _mask((distance < 0.32) | ((distance > 0.55) & (distance < 0.88)))


def _star(petals: int, a: Floats, b: Floats) -> Mask:
    """Two squares, one on its corner, around a hollow."""
    square, lozenge = 1.5 * np.maximum(np.abs(a), np.abs(b)), 1.06 * (np.abs(a) + np.abs(b))
    return _mask((np.minimum(square, lozenge) < 0.88) & (np.maximum(square, lozenge) > 0.42))


def _stripe(petals: int, a: Floats, b: Floats) -> Mask:
    broad = np.abs(a) < 0.36
    narrow = np.abs(np.abs(a) - 0.68) < 0.08
    return _mask(broad | narrow)


def _bird(petals: int, a: Floats, b: Floats) -> Mask:
    """Body, head, beak, tail and legs."""
    body = _ellipse(a, b, (0.0, 0.1), (0.48, 0.27), -0.25)
    head = _ellipse(a, b, (0.46, -0.3), (0.17, 0.17))
    beak = _ellipse(a, b, (0.68, -0.28), (0.2, 0.06))
    tail = _ellipse(a, b, (-0.6, 0.38), (0.34, 0.1), -0.65)
    tail |= _ellipse(a, b, (-0.64, 0.18), (0.34, 0.08), -0.2)
    legs = (np.abs(np.abs(a - 0.06) - 0.1) < 0.035) & (b > 0.3) & (b < 0.72)
    wing = _ellipse(a, b, (-0.06, 0.06), (0.26, 0.07), -0.5)
    return _mask((body | head | beak | tail | legs) & ~wing)


def _deer(petals: int, a: Floats, b: Floats) -> Mask:
    """Body, neck, head, antlers, a short tail and four legs."""
    body = _ellipse(a, b, (-0.1, 0.1), (0.5, 0.22))
    neck = _ellipse(a, b, (0.4, -0.16), (0.32, 0.1), -0.95)
    head = _ellipse(a, b, (0.62, -0.4), (0.22, 0.09), 0.3)
    antlers = _ellipse(a, b, (0.42, -0.68), (0.28, 0.035), 1.2) | _ellipse(a, b, (0.6, -0.68), (0.28, 0.035), -1.3)
    tail = _ellipse(a, b, (-0.62, -0.02), (0.14, 0.06), 0.6)
    legs = (np.abs(np.abs(np.abs(a + 0.1) - 0.3) - 0.08) < 0.04) & (b > 0.15) & (b < 0.85)
    return _mask(body | neck | head | antlers | tail | legs)


Motif = Callable[[int, Floats, Floats], Mask]
MOTIFS: dict[str, tuple[Motif, ...]] = {
    "flower": (_rosette, _tulip, _carnation),
    "plant": (_branch, _ear),
    "geometric_shape": (_nested, _star),
    "stripe": (_stripe,),
    "animal": (_bird, _deer),
}

# ---------------------------------------------------------------------------- what is between them ← time


def _trellis(a: Floats, b: Floats) -> Mask:
    """Two bands that swing apart and together, so that each motif is framed by an ogive."""
    swing = 0.5 + 0.5 * np.cos(np.pi * b)
    return _mask(np.abs(np.abs(a) - 0.06 - 0.88 * swing) < 0.07)


def _sprigs(a: Floats, b: Floats) -> Mask:
    """Three leaves where four repeats meet."""
    x, y = 1 - np.abs(a), 1 - np.abs(b)
    return _mask(_ellipse(x, y, (0.0, 0.0), (0.09, 0.3)) | _ellipse(x, y, (0.0, 0.0), (0.3, 0.09)))


def _spots(a: Floats, b: Floats) -> Mask:
    """A ground of small dots."""
    x, y = 2.5 * a, 2.5 * b
    x, y = x - np.floor(x) - 0.5, y - np.floor(y) - 0.5
    return _mask(x * x + y * y < 0.028)


def _nothing(a: Floats, b: Floats) -> Mask:
    return _mask(np.zeros_like(a))


FILLERS: dict[str, Callable[[Floats, Floats], Mask]] = {
    "17th_century": _trellis,
    "18th_century": _sprigs,
    "19th_century": _spots,
    "20th_century": _nothing,
}
