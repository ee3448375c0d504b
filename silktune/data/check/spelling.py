"""Classes that may be one class written in two ways, which no key of `text_normalisation` makes alike: a hint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations

import pandas as pd

from silktune.data.check.findings import Finding
from silktune.data.label_warnings import images
from silktune.data.text_normalisation import alike, letters
from silktune.data.variables import BACKGROUND

LETTERS = 5  # of a class's name, at least: shorter ones differ in a letter and mean something else
RARE = 0.2  # of the images of the class that it may be


def about_spelling(cells: pd.DataFrame, names: Sequence[str]) -> Iterator[Finding]:
    """Pairs of classes that differ in spaces and signs, or in one letter where one of them is rare.

    Args:
        cells: of the table, all str.
        names: of the variables.
    """
    for name in names:
        counts = Counter(cells.loc[cells[name] != "", name])
        for one, other in combinations(sorted(counts, key=lambda label: (counts[label], label)), 2):
            if alike(one) == alike(other) or BACKGROUND in (one, other):
                continue
            signs = letters(one) == letters(other)
            if signs or (counts[one] <= RARE * counts[other] and _one_letter(letters(one), letters(other))):
                how = "in spaces or signs" if signs else "in one letter"
                yield Finding(
                    "classes that look alike",
                    f"{name}: {one} ({images(counts[one])}) and {other} ({images(counts[other])}) differ only {how}. "
                    "If they are one, write them alike in the table.",
                    (one, other),
                )


def _one_letter(one: str, other: str) -> bool:
    """Whether one letter that is replaced, left out or added, or two that change places, make one text the other."""
    short, long = sorted((one, other), key=len)
    if len(short) < LETTERS or len(long) - len(short) > 1 or any(map(str.isdigit, one + other)):
        return False
    begin = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(short) < len(long):
        return short[begin:] == long[begin + 1 :]
    a, b = short[begin:], long[begin:]
    return a[1:] == b[1:] or (a[:2] == b[:2][::-1] and a[2:] == b[2:])
