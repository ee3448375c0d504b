"""Pictures of woven fabrics, drawn so that what they are follows from five variables.

The weave follows from the technique, three dyes from the place, gloss and grain from the material, the motif from the
depiction; what fills the space between motifs, how large a repeat is and how far colours have faded from the time.
Nothing is copied from a photograph.

Notation: u, v fabric coordinates along the weft and the warp, of which a photograph shows FINENESS to a pixel; a
figure and a relief are (H, W), a colour is (H, W, 3) in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from silktune.data.image_decoding import Image
from silktune.data.sample_data.motifs import FILLERS, MOTIFS

Floats = npt.NDArray[np.float32]
Random = np.random.Generator
Surface = tuple[Floats, Floats]  # colour and relief
Dye = tuple[float, float, float]  # hue, saturation, value

SIDES = (160, 200)  # pixels of a photograph, from … to below …
FINENESS = 0.64  # fabric coordinates per pixel

# frequent classes first, as in P23 Table 1
PLACES: dict[str, tuple[Dye, Dye, Dye]] = {  # ground, motif, what is between the motifs
    "GB": ((0.61, 0.55, 0.40), (0.12, 0.22, 0.88), (0.01, 0.55, 0.62)),
    "FR": ((0.95, 0.30, 0.80), (0.30, 0.35, 0.50), (0.58, 0.35, 0.62)),
    "ES": ((0.99, 0.75, 0.55), (0.13, 0.65, 0.82), (0.35, 0.45, 0.42)),
    "IT": ((0.40, 0.50, 0.38), (0.09, 0.50, 0.80), (0.96, 0.60, 0.60)),
    "IN": ((0.08, 0.75, 0.82), (0.88, 0.60, 0.48), (0.45, 0.60, 0.45)),
    "CN": ((0.53, 0.50, 0.62), (0.02, 0.60, 0.72), (0.14, 0.55, 0.88)),
}
TIMES = {
    "19th_century": 36,
    "18th_century": 50,
    "20th_century": 25,
    "17th_century": 68,
}  # fabric coordinates of a repeat
TECHNIQUES = ("embroidery", "velvet", "damask", "tabby")
MATERIALS = ("animal_fibre", "metal_thread", "vegetal_fibre")
DEPICTIONS = tuple(MOTIFS)
_FADED = {"17th_century": 0.55, "18th_century": 0.75, "19th_century": 1.0, "20th_century": 1.15}
_HUE_OF_TIME = {"17th_century": 0.03, "18th_century": 0.015, "19th_century": 0.0, "20th_century": -0.03}


@dataclass(frozen=True)
class Cloth:
    """One object: its classes and what else is its own, whichever side it is seen from."""

    classes: Mapping[str, str]
    ground: Dye
    motif: Dye
    filler: Dye
    repeat: float  # in fabric coordinates, like thread
    thread: float
    kind: int  # of the motifs of its depiction
    petals: int
    turn: float  # rad, of the motif

    @classmethod
    def of(cls, classes: Mapping[str, str], rng: Random) -> Cloth:
        time = classes["time"]
        ground, motif, filler = (_dye(hsv, time, rng) for hsv in PLACES[classes["place"]])
        return cls(
            classes, ground, motif, filler, TIMES[time] * rng.uniform(0.88, 1.12), rng.uniform(3.2, 4.2),
            int(rng.integers(len(MOTIFS[classes["depiction"]]))), int(rng.integers(5, 9)), rng.uniform(-0.3, 0.3),
        )  # fmt: skip


class Pattern(NamedTuple):
    """What is woven into the ground."""

    motif: Floats  # (H, W) in [0, 1]
    filler: Floats  # what is between the motifs, likewise

    @property
    def figure(self) -> Floats:
        return np.maximum(self.motif, self.filler)


def _dye(hsv: Dye, time: str, rng: Random) -> Dye:
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
    height, width = (int(side) for side in rng.integers(*SIDES, 2))
    u, v = _view(height, width, rng)
    pattern = _pattern(cloth, u, v)
    surface = WEAVES[cloth.classes["technique"]](cloth, u, v, pattern, rng)
    colour, relief = YARNS[cloth.classes["material"]](cloth, surface, v, pattern, rng)
    picture = _lit(colour * (1 + relief[..., None]), rng)
    if rng.random() < 0.35:
        picture = _fragment(picture, rng)
    picture = picture + np.float32(0.025) * rng.standard_normal(picture.shape, np.float32)
    return np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8)


def _view(height: int, width: int, rng: Random) -> tuple[Floats, Floats]:
    """Fabric coordinates of every pixel."""
    y, x = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)
    angle, zoom = rng.normal(0, 0.09), FINENESS * rng.uniform(0.9, 1.1)
    cos, sin = float(zoom * np.cos(angle)), float(zoom * np.sin(angle))
    shift = rng.uniform(0, 400, 2).tolist()
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


def _pattern(cloth: Cloth, u: Floats, v: Floats) -> Pattern:
    """Motifs in rows; until the 20th century every other row is offset by half a repeat, every other motif mirrored."""
    depiction, time = cloth.classes["depiction"], cloth.classes["time"]
    row = np.floor(v / cloth.repeat)
    plain = time == "20th_century" or depiction == "stripe"
    column = u / cloth.repeat + (0 if plain else 0.5 * (row % 2))
    mirror = 1 if plain else 1 - 2 * (np.floor(column) % 2)
    a, b = _within(_f32(column)), _within(v / cloth.repeat)
    cos, sin = float(np.cos(cloth.turn)), float(np.sin(cloth.turn))
    turned = (a, b) if depiction == "stripe" else (_f32(cos * a * mirror - sin * b), _f32(sin * a * mirror + cos * b))
    motif = _soften(MOTIFS[depiction][cloth.kind](cloth.petals, *turned))
    return Pattern(motif, _f32(_soften(FILLERS[time](a, b)) * (1 - motif)))


def _within(t: Floats) -> Floats:
    return _f32(2 * (t - np.floor(t)) - 1)


# ---------------------------------------------------------------------------- weaves ← technique


def _painted(cloth: Cloth, pattern: Pattern, share: float = 1.0) -> Floats:
    """Ground and figure in their colours; with a share below 1 the figure has less of its own."""
    ground = _rgb(cloth.ground)
    motif, filler = (share * (_rgb(dye) - ground) for dye in (cloth.motif, cloth.filler))
    return _f32(ground + pattern.motif[..., None] * motif + pattern.filler[..., None] * filler)


def _rgb(hsv: tuple[float, float, float]) -> Floats:
    pixel = np.array([[[360 * hsv[0], hsv[1], hsv[2]]]], np.float32)
    return _f32(cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0])


def _wave(t: Floats, period: float) -> Floats:
    return _f32(np.cos(2 * np.pi * t / period))


def _tabby(cloth: Cloth, u: Floats, v: Floats, pattern: Pattern, rng: Random) -> Surface:
    """One over, one under: a grid of threads."""
    p = 1.6 * cloth.thread
    over = np.sign(np.sin(np.pi * u / p) * np.sin(np.pi * v / p))
    relief = np.where(over > 0, np.abs(np.sin(np.pi * u / p)), np.abs(np.sin(np.pi * v / p))) - 0.64
    return _painted(cloth, pattern, 0.9), _f32(0.42 * relief + 0.07 * over)


def _damask(cloth: Cloth, u: Floats, v: Floats, pattern: Pattern, rng: Random) -> Surface:
    """One colour: the motif shows by its weft ribs on a ground of satin diagonals."""
    ground = 0.10 * _wave(u + v, 1.5 * cloth.thread)
    figure = 0.16 * _wave(v, 1.3 * cloth.thread) + 0.22
    return _painted(cloth, pattern, 0.3), ground + pattern.figure * (figure - ground)


def _embroidery(cloth: Cloth, u: Floats, v: Floats, pattern: Pattern, rng: Random) -> Surface:
    """A plain ground, the motif in raised slanting stitches that throw a shadow."""
    row = np.floor(v / 9)
    stitch = 0.26 * _wave(u + 0.45 * v * (1 - 2 * (row % 2)), 1.25 * cloth.thread)
    figure = pattern.figure
    shadow = np.clip(cv2.warpAffine(figure, _f32([[1, 0, 3], [0, 1, 3]]), figure.shape[::-1]) - figure, 0, 1)
    ground = 0.05 * _wave(u, cloth.thread) * _wave(v, cloth.thread) - 0.45 * shadow
    return _painted(cloth, pattern), ground + figure * (stitch + 0.16 - ground)


def _velvet(cloth: Cloth, u: Floats, v: Floats, pattern: Pattern, rng: Random) -> Surface:
    """Pile: no threads but a deep, speckled surface with soft edges and a broad shimmer."""
    soft = Pattern(*(_f32(cv2.GaussianBlur(part, (0, 0), 2.4)) for part in pattern))
    height, width = u.shape
    pile = cv2.GaussianBlur(rng.standard_normal((height, width), np.float32), (0, 0), 1.3)
    shimmer = _cloud(height, width, 5, rng)
    return _painted(cloth, soft, 0.85), _f32(0.55 * pile + 0.17 * shimmer - 0.22)


Weave = Callable[[Cloth, Floats, Floats, Pattern, Random], Surface]
WEAVES: dict[str, Weave] = {"embroidery": _embroidery, "velvet": _velvet, "damask": _damask, "tabby": _tabby}

# ---------------------------------------------------------------------------- yarns ← material


def _silk(cloth: Cloth, surface: Surface, v: Floats, pattern: Pattern, rng: Random) -> Surface:
    """Smooth and glossy: a broad highlight."""
    colour, relief = surface
    height, width = relief.shape
    gloss = np.exp(-(_cloud(height, width, 3, rng) ** 2) / 0.3)
    return _f32(colour + 0.16 * gloss[..., None]), relief


def _metal(cloth: Cloth, surface: Surface, v: Floats, pattern: Pattern, rng: Random) -> Surface:
    """Gilt wefts in the motif and a few in the ground, that glitter."""
    colour, relief = surface
    height, width = relief.shape
    gilt = np.clip(0.75 * pattern.figure + 0.3 * (_wave(v, 3.1 * cloth.thread) > 0.6), 0, 0.85)[..., None]
    gold = np.array([0.80, 0.66, 0.34], np.float32)
    sparks = cv2.GaussianBlur((rng.random((height, width)) > 0.985).astype(np.float32), (0, 0), 0.9)
    lines = 0.16 * _wave(v, cloth.thread)
    glitter = gilt[..., 0] * (5 * sparks + lines)
    return _f32(colour * (1 - 0.7 * gilt) + gold * 0.7 * gilt), (relief + glitter).astype(np.float32)


def _linen(cloth: Cloth, surface: Surface, v: Floats, pattern: Pattern, rng: Random) -> Surface:
    """Matt and uneven: pale, with slubs along the weft."""
    colour, relief = surface
    height, width = relief.shape
    slubs = _cloud(height, width, 45, rng, 7)
    flax = np.array([0.74, 0.69, 0.58], np.float32)
    return _f32(0.66 * colour + 0.34 * flax), (0.8 * relief + 0.11 * slubs - 0.04).astype(np.float32)


Yarn = Callable[[Cloth, Surface, Floats, Pattern, Random], Surface]
YARNS: dict[str, Yarn] = {"animal_fibre": _silk, "metal_thread": _metal, "vegetal_fibre": _linen}

# ---------------------------------------------------------------------------- the photograph


def _lit(picture: Floats, rng: Random) -> Floats:
    """A lamp at some side, of some colour; folds and stains."""
    height, width = picture.shape[:2]
    y, x = np.linspace(-1, 1, height, dtype=np.float32)[:, None], np.linspace(-1, 1, width, dtype=np.float32)
    angle, slope, lamp = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.2), rng.uniform(0.8, 1.15)
    light = lamp * (1 + slope * (float(np.cos(angle)) * x + float(np.sin(angle)) * y))
    folds = 0.05 * _cloud(height, width, 4, rng)
    cast = _f32(1 + rng.normal(0, 0.03, 3))
    stain = 0.12 * np.clip(_cloud(height, width, 5, rng) - 1.4, 0, 1)
    return _f32(picture * (light + folds - stain)[..., None] * cast)


def _fragment(picture: Floats, rng: Random) -> Floats:
    """The cloth with frayed edges on a table, where its border is in the picture."""
    height, width = picture.shape[:2]
    y, x = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)
    margins = _f32(rng.uniform(-9, 18, 4))
    sides = [x - margins[0], width - 1 - x - margins[1], y - margins[2], height - 1 - y - margins[3]]
    inside = np.minimum(np.minimum(*sides[:2]), np.minimum(*sides[2:]))
    fray = 1.5 * _cloud(height, width, 9, rng) + 0.8 * rng.standard_normal((height, width), np.float32)
    cloth = np.clip(0.5 + 0.7 * (inside + fray), 0, 1)[..., None]
    shadow = np.clip(1 - 0.06 * np.clip(6 + inside, 0, 6), 0, 1)[..., None]
    table = _f32(rng.uniform(0.72, 0.92) + np.array([0.0, -0.005, -0.015])) * shadow
    return _f32(cloth * picture + (1 - cloth) * table)
