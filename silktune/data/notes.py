"""What a person should know of a label table that can be used, but may not mean what it says."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence

import pandas as pd

from silktune.data import spelling
from silktune.data.checks import KEYS, SPELLINGS
from silktune.data.variables import BACKGROUND

MOST = 5  # notes of one column


def about_columns(headings: Sequence[str]) -> Iterator[str]:
    """Headings that are nearly others."""
    for name in headings:
        close = difflib.get_close_matches(spelling.letters(name), [key for key in KEYS if key not in headings], 1, 0.8)
        if close:
            yield f"The column {name} is read as a variable: did you mean {close[0]}?"
    for names in _groups(headings):
        yield f"The columns {' and '.join(names)} look alike, and are two variables."


def about_subsets(raw: pd.DataFrame) -> Iterator[str]:
    """A column that names subsets but is not called split."""
    for name in raw.columns if "split" not in raw else ():
        labels = {spelling.alike(label) for label in raw[name].unique()} - {""}
        if len(labels) > 1 and labels <= SPELLINGS.keys():
            yield (
                f"The column {name} names subsets ({', '.join(sorted(labels))}), but is not used as the split; "
                "it would be if it were called split."
            )


def about_labels(name: str, counts: Counter[str]) -> Iterator[str]:
    """Classes of a variable, or records, that look alike; `counts`: images of each."""
    what = "records, which may go into different subsets" if name == "record" else "classes"
    found = [_alike(name, labels, counts, what) for labels in _groups(counts) if BACKGROUND not in map(_key, labels)]
    found += [_background(name, label, counts) for label in counts if _key(label) == BACKGROUND != label]
    yield from found[:MOST]
    if len(found) > MOST:
        yield f"{name}: {len(found) - MOST} more groups of {what.partition(',')[0]} look alike."


def _alike(name: str, labels: Sequence[str], counts: Counter[str], what: str) -> str:
    said = " and ".join(f"{label} ({images(counts[label])})" for label in labels)
    how = "differ only in case" if len({label.casefold() for label in labels}) == 1 else "look alike"
    return f"{name}: {said} {how}, and are {len(labels)} {what}. If they are one, write them alike in the table."


def _background(name: str, label: str, counts: Counter[str]) -> str:
    beside = f" beside {BACKGROUND} ({images(counts[BACKGROUND])})" if counts[BACKGROUND] else ""
    return (
        f"{name}: {label} ({images(counts[label])}){beside} is a class like others: only {BACKGROUND}, in small "
        "letters, says that a label is none of the classes of interest."
    )


def images(count: int) -> str:
    return f"{count:,} image{'s' * (count != 1)}"


def _key(label: str) -> str:
    return spelling.alike(label)


def _groups(texts: Iterator[str] | Counter[str] | Sequence[str]) -> list[list[str]]:
    """The texts that are not the same but look alike."""
    groups: dict[str, set[str]] = {}
    for text in texts:
        groups.setdefault(_key(text), set()).add(text)
    return [sorted(group) for group in groups.values() if len(group) > 1]
