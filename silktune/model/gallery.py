"""A page of pictures of what a model says: where it contradicts a label, where it is least sure, what it proposes."""

from __future__ import annotations

import base64
import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import jinja2
import pandas as pd

from silktune.data.image_decoding import Image, UnreadableError, read
from silktune.model.proposals import COLUMNS

PICTURES = 24  # of each variable that contradict, and of which it is least sure
PER_CLASS = 8  # proposals
SIDE = 144  # pixels of the longer side of a picture
TEMPLATE = Path(__file__).with_name("gallery.html.jinja")


class Seen(NamedTuple):
    """What a model says of one variable of one image; its fields are the columns of proposals."""

    image: str
    record: str
    variable: str
    label: str
    proposal: str
    cls: str
    probability: float
    runner_up: str
    runner_up_probability: float
    remark: str


class _First:
    """The first of many by a key, without keeping the others."""

    def __init__(self, count: int) -> None:
        self._count, self._heap = count, list[tuple[float, int, Seen]]()
        self.seen = 0  # how many there were

    def add(self, key: float, one: Seen) -> None:
        """The smaller the key, the earlier."""
        self.seen += 1
        entry = (-key, -self.seen, one)
        if len(self._heap) < self._count:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    def __len__(self) -> int:
        return len(self._heap)

    def __iter__(self) -> Iterator[Seen]:
        return (one for *_, one in sorted(self._heap, reverse=True))


@dataclass
class _Variable:
    """What is shown of one variable."""

    contradictions: _First = field(default_factory=lambda: _First(PICTURES))  # the most confident first
    unsure: _First = field(default_factory=lambda: _First(PICTURES))  # the smallest lead over the runner-up first
    proposals: dict[str, _First] = field(default_factory=dict)  # by class, the most confident first


class Gallery:
    """Chosen from proposals as they come, however many there are."""

    def __init__(self, variables: Sequence[str]) -> None:
        self.variables = {name: _Variable() for name in variables}

    def add(self, rows: pd.DataFrame) -> None:
        """Look at rows of `proposals.COLUMNS`, those of known labels among them."""
        for values in zip(*(rows[name].tolist() for name in COLUMNS), strict=True):
            one = Seen(*values)
            of = self.variables[one.variable]
            if one.label and one.label != one.cls:
                of.contradictions.add(-one.probability, one)
            if not one.label:
                of.unsure.add(one.probability - one.runner_up_probability, one)
            if one.proposal:
                of.proposals.setdefault(one.proposal, _First(PER_CLASS)).add(-one.probability, one)

    @property
    def pictures(self) -> int:
        """How many the page shows."""
        shown = ((of.contradictions, of.unsure, *of.proposals.values()) for of in self.variables.values())
        return sum(len(first) for each in shown for first in each)

    def page(self, title: str, folder: Path, looked_at: Callable[[Path, str, str], Image] | None = None) -> str:
        """The page, with all pictures in it.

        Args:
            title: of the page.
            folder: in which the images lie.
            looked_at: from an image, a variable and its class to a picture that shows what speaks for it; None: none.
        """

        @cache
        def picture(name: str) -> str:
            try:
                return _data_uri(read(folder / name, SIDE))
            except UnreadableError:
                return ""

        def heat(one: Seen) -> str:
            return _data_uri(looked_at(folder / one.image, one.variable, one.cls)) if looked_at else ""

        environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
        template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
        return template.render(
            title=title, variables=_sorted(self.variables), picture=picture, heat=heat, heat_shown=looked_at is not None
        )


def _sorted(variables: Mapping[str, _Variable]) -> Mapping[str, _Variable]:
    """The classes of each variable in the order of their names."""
    for of in variables.values():
        of.proposals = dict(sorted(of.proposals.items()))
    return variables


def _data_uri(pixels: Image) -> str:
    """A small JPEG."""
    height, width = pixels.shape[:2]
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode('ascii')}"
