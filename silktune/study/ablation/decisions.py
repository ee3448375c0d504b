"""Where rows stop when they are decided: what the runs say of each so far, as `statistics.sequential` decides."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import NDArray

from silktune.study.statistics import Comparison, sequential
from silktune.study.statistics.comparison import Test

FIRST_LOOK = sequential.FIRST_LOOK
State = Literal["open", "found", "given up"]
STATES: dict[int, State] = {sequential.OPEN: "open", sequential.FOUND: "found", sequential.GIVEN_UP: "given up"}


@dataclass(frozen=True)
class Decision:
    """Of a row against the reference."""

    state: State
    runs: int  # at its last look; 0 before the first
    comparison: Comparison | None  # at that look; its interval holds for all rows and looks together


def decided(x: NDArray[Any], at_most: int, test: Literal["welch", "paired"]) -> list[Decision]:
    """What the looks say of rows 1, 2, …

    Args:
        x: (k, N) the runs in their order, nan where there is none; row 0 is the reference.
        at_most: N.
        test: the table's.
    """
    name: Test = "paired" if test == "paired" else "Welch"
    of = sequential.decide(x[None], at_most, name)
    looks = zip(*(column[0].tolist() for column in (of.state, of.runs, of.difference, of.half, of.p)), strict=True)
    return [
        Decision(STATES[state], runs, _comparison(difference, half, p, name) if runs else None)
        for state, runs, difference, half, p in looks
    ]


def _comparison(difference: float, half: float, p: float, name: Test) -> Comparison:
    if math.isnan(half):  # the runs do not vary
        return Comparison(difference, math.nan, math.nan, math.nan, None, name)
    return Comparison(difference, difference - half, difference + half, p, None, name)
