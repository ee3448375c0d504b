"""Pictures of woven fabrics, drawn so that what they are follows from five variables.

The weave follows from the technique, hues from place and time, gloss and grain from the material, the motif
from the depiction and the size of its repeat from the time. Nothing is copied from a photograph.

Notation: u, v fabric coordinates in pixels, along the weft and the warp; a motif and a relief are (H, W), a
colour is (H, W, 3) in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from silktune.data.image_decoding import Image
from silktune.data.sample_data.motifs import MOTIFS

Floats = npt.NDArray[np.float32]
Random = np.random.Generator
Surface = tuple[Floats, Floats]  # colour and relief

# frequent classes first, as in P23 Table 1
PLACES = {  # hue, saturation and value of ground and motif
    "GB": ((0.61, 0.55, 0.40), (0.12, 0.22, 0.88)),
    "FR": ((0.95, 0.30, 0.80), (0.30, 0.35, 0.50)),
    "ES": ((0.99, 0.75, 0.55), (0.13, 0.65, 0.82)),
    "IT": ((0.40, 0.50, 0.38), (0.09, 0.50, 0.80)),
    "IN": ((0.08, 0.75, 0.82), (0.88, 0.60, 0.48)),
    "CN": ((0.53, 0.50, 0.62), (0.02, 0.60, 0.72)),
}
TIMES = {"19th_century": 36, "18th_century": 50, "20th_century": 25, "17th_century": 68}  # pixels of a repeat
TECHNIQUES = ("embroidery", "velvet", "damask", "tabby")
MATERIALS = ("animal_fibre", "metal_thread", "vegetal_fibre")
DEPICTIONS = tuple(MOTIFS)
_FADED = {"17th_century": 0.55, "18th_century": 0.75, "19th_century": 1.0, "20th_century": 1.15}
_HUE_OF_TIME = {"17th_century": 0.03, "18th_century": 0.015, "19th_century": 0.0, "20th_century": -0.03}


@dataclass(frozen=True)
class Cloth:
    """One object: its classes and what else is its own, whichever side it is seen from."""

    classes: Mapping[str, str]
    ground: tuple[float, float, float]  # hue, saturation, value
    motif: tuple[float, float, float]
    repeat: float  # pixels
    thread: float  # pixels
    petals: int
    turn: float  # rad, of the motif

    @classmethod
    def of(cls, classes: Mapping[str, str], rng: Random) -> Cloth:
        time = classes["time"]
        ground, motif = (_dye(hsv, time, rng) for hsv in PLACES[classes["place"]])
        return cls(
            classes, ground, motif, TIMES[time] * rng.uniform(0.88, 1.12), rng.uniform(3.2, 4.2),
            int(rng.integers(5, 9)), rng.uniform(-0.3, 0.3),
        )  # fmt: skip


def _dye(hsv: tuple[float, float, float], time: str, rng: Random) -> tuple[float, float, float]:
    """A colour as a dyer of that time gets it, and as it has faded since."""
    hue = hsv[0] + _HUE_OF_TIME[time] + rng.normal(0, 0.03)
    saturation = hsv[1] * _FADED[time] * rng.uniform(0.75, 1.2)
    return (
        hue % 1,
        float(np.clip(saturation, 0, 0.95)),
        float(np.clip(hsv[2] * rng.uniform(0.85, 1.15), 0.15, 0.95)),
    )


def photograph(cloth: Cloth, rng: Random) -> Image:
    """The cloth as one photograph shows it: a part of it, turned a little, in some light, uint8 (H, W, 3)."""
    height, width = (int(side) for side in rng.integers(100, 129, 2))
    u, v = _view(height, width, rng)
    motif = _soften(MOTIFS[cloth.classes["depiction"]](cloth.petals, *_repeat(cloth, u, v)))
    surface = WEAVES[cloth.classes["technique"]](cloth, u, v, motif, rng)
    colour, relief = YARNS[cloth.classes["material"]](cloth, surface, v, motif, rng)
    picture = _lit(colour * (1 + relief[..., None]), rng)
    if rng.random() < 0.35:
        picture = _fragment(picture, rng)
    picture = picture + rng.normal(0, 0.025, picture.shape).astype(np.float32)
    return np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8)


def _view(height: int, width: int, rng: Random) -> tuple[Floats, Floats]:
    """Fabric coordinates of every pixel."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    angle, zoom = rng.normal(0, 0.09), rng.uniform(0.9, 1.1)
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    shift = rng.uniform(0, 400, 2)
    bend = 1.2 * _cloud(height, width, 4, rng)  # cloth does not lie flat
    return (
        _f32(cos * x - sin * y + shift[0] + bend),
        _f32(sin * x + cos * y + shift[1] + bend),
    )


def _cloud(height: int, width: int, cells: int, rng: Random, across: int = 0) -> Floats:
    """Smooth noise of deviation about 1, `cells` bumps high and `across` (or as many) wide."""
    small = rng.normal(0, 1, (cells, across or cells)).astype(np.float32)
    return _f32(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC))


def _f32(values: npt.ArrayLike) -> Floats:
    return np.asarray(values, np.float32)


def _soften(mask: npt.NDArray[np.bool_]) -> Floats:
    return _f32(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.7))


# ---------------------------------------------------------------------------- one repeat of the pattern


def _repeat(cloth: Cloth, u: Floats, v: Floats) -> tuple[Floats, Floats]:
    """Coordinates within a repeat; every other row is offset by half of it, every other column mirrored."""
    if cloth.classes["depiction"] == "stripe":
        return _within(u / cloth.repeat), _within(v / cloth.repeat)
    row = np.floor(v / cloth.repeat)
    column = u / cloth.repeat + 0.5 * (row % 2)
    mirror = 1 - 2 * (np.floor(column) % 2)
    a, b = _within(column) * mirror, _within(v / cloth.repeat)
    cos, sin = np.cos(cloth.turn), np.sin(cloth.turn)
    return _f32(cos * a - sin * b), _f32(sin * a + cos * b)


def _within(t: Floats) -> Floats:
    return _f32(2 * (t - np.floor(t)) - 1)


# ---------------------------------------------------------------------------- weaves ← technique


def _painted(cloth: Cloth, motif: Floats, share: float = 1.0) -> Floats:
    """Ground and motif in their colours; with a share below 1 the motif has less of its own."""
    ground, figure = _rgb(cloth.ground), _rgb(cloth.motif)
    figure = share * figure + (1 - share) * ground
    return _f32(ground + motif[..., None] * (figure - ground))


def _rgb(hsv: tuple[float, float, float]) -> Floats:
    pixel = np.array([[[360 * hsv[0], hsv[1], hsv[2]]]], np.float32)
    return _f32(cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0])


def _wave(t: Floats, period: float) -> Floats:
    return _f32(np.cos(2 * np.pi * t / period))


def _tabby(cloth: Cloth, u: Floats, v: Floats, motif: Floats, rng: Random) -> Surface:
    """One over, one under: a grid of threads."""
    p = 1.6 * cloth.thread
    over = np.sign(np.sin(np.pi * u / p) * np.sin(np.pi * v / p))
    relief = np.where(over > 0, np.abs(np.sin(np.pi * u / p)), np.abs(np.sin(np.pi * v / p))) - 0.64
    return _painted(cloth, motif, 0.9), _f32(0.42 * relief + 0.07 * over)


def _damask(cloth: Cloth, u: Floats, v: Floats, motif: Floats, rng: Random) -> Surface:
    """One colour: the motif shows by its weft ribs on a ground of satin diagonals."""
    ground = 0.10 * _wave(u + v, 1.5 * cloth.thread)
    figure = 0.16 * _wave(v, 1.3 * cloth.thread) + 0.22
    return _painted(cloth, motif, 0.3), ground + motif * (figure - ground)


def _embroidery(cloth: Cloth, u: Floats, v: Floats, motif: Floats, rng: Random) -> Surface:
    """A plain ground, the motif in raised slanting stitches that throw a shadow."""
    row = np.floor(v / 9)
    stitch = 0.26 * _wave(u + 0.45 * v * (1 - 2 * (row % 2)), 1.25 * cloth.thread)
    shadow = np.clip(cv2.warpAffine(motif, _f32([[1, 0, 2], [0, 1, 2]]), motif.shape[::-1]) - motif, 0, 1)
    ground = 0.05 * _wave(u, cloth.thread) * _wave(v, cloth.thread) - 0.45 * shadow
    return _painted(cloth, motif), ground + motif * (stitch + 0.16 - ground)


def _velvet(cloth: Cloth, u: Floats, v: Floats, motif: Floats, rng: Random) -> Surface:
    """Pile: no threads but a deep, speckled surface with soft edges and a broad shimmer."""
    soft = cv2.GaussianBlur(motif, (0, 0), 1.8)
    height, width = u.shape
    pile = cv2.GaussianBlur(rng.normal(0, 1, (height, width)).astype(np.float32), (0, 0), 0.9)
    shimmer = _cloud(height, width, 5, rng)
    return _painted(cloth, soft, 0.85), _f32(0.38 * pile + 0.17 * shimmer - 0.22)


Weave = Callable[[Cloth, Floats, Floats, Floats, Random], Surface]
WEAVES: dict[str, Weave] = {"embroidery": _embroidery, "velvet": _velvet, "damask": _damask, "tabby": _tabby}

# ---------------------------------------------------------------------------- yarns ← material


def _silk(cloth: Cloth, surface: Surface, v: Floats, motif: Floats, rng: Random) -> Surface:
    """Smooth and glossy: a broad highlight."""
    colour, relief = surface
    height, width = relief.shape
    gloss = np.exp(-(_cloud(height, width, 3, rng) ** 2) / 0.3)
    return _f32(colour + 0.16 * gloss[..., None]), relief


def _metal(cloth: Cloth, surface: Surface, v: Floats, motif: Floats, rng: Random) -> Surface:
    """Gilt wefts in the motif and a few in the ground, that glitter."""
    colour, relief = surface
    height, width = relief.shape
    gilt = np.clip(0.75 * motif + 0.3 * (_wave(v, 3.1 * cloth.thread) > 0.6), 0, 0.85)[..., None]
    gold = np.array([0.80, 0.66, 0.34], np.float32)
    sparks = cv2.GaussianBlur((rng.random((height, width)) > 0.975).astype(np.float32), (0, 0), 0.6)
    lines = 0.16 * _wave(v, cloth.thread)
    glitter = gilt[..., 0] * (2.6 * sparks + lines)
    return _f32(colour * (1 - 0.7 * gilt) + gold * 0.7 * gilt), (relief + glitter).astype(np.float32)


def _linen(cloth: Cloth, surface: Surface, v: Floats, motif: Floats, rng: Random) -> Surface:
    """Matt and uneven: pale, with slubs along the weft."""
    colour, relief = surface
    height, width = relief.shape
    slubs = _cloud(height, width, 45, rng, 7)
    flax = np.array([0.74, 0.69, 0.58], np.float32)
    return _f32(0.66 * colour + 0.34 * flax), (0.8 * relief + 0.11 * slubs - 0.04).astype(np.float32)


Yarn = Callable[[Cloth, Surface, Floats, Floats, Random], Surface]
YARNS: dict[str, Yarn] = {"animal_fibre": _silk, "metal_thread": _metal, "vegetal_fibre": _linen}

# ---------------------------------------------------------------------------- the photograph


def _lit(picture: Floats, rng: Random) -> Floats:
    """A lamp at some side, of some colour; folds and stains."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    light = rng.uniform(0.8, 1.15) * (1 + rng.uniform(0, 0.2) * (np.cos(angle) * x + np.sin(angle) * y))
    folds = 0.05 * _cloud(height, width, 4, rng)
    cast = 1 + rng.normal(0, 0.03, 3)
    stain = 0.12 * np.clip(_cloud(height, width, 5, rng) - 1.4, 0, 1)
    return _f32(picture * (light + folds - stain)[..., None] * cast)


def _fragment(picture: Floats, rng: Random) -> Floats:
    """The cloth with frayed edges on a table, where its border is in the picture."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    margins = rng.uniform(-6, 12, 4)
    sides = [x - margins[0], width - 1 - x - margins[1], y - margins[2], height - 1 - y - margins[3]]
    inside = np.minimum.reduce(sides)
    fray = 1.5 * _cloud(height, width, 9, rng) + 0.8 * rng.normal(0, 1, (height, width))
    cloth = np.clip(0.5 + 0.7 * (inside + fray), 0, 1)[..., None]
    shadow = np.clip(1 - 0.06 * np.clip(6 + inside, 0, 6), 0, 1)[..., None]
    table = (rng.uniform(0.72, 0.92) + np.array([0.0, -0.005, -0.015])) * shadow
    return _f32(cloth * picture + (1 - cloth) * table)
