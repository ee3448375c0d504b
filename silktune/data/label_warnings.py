"""What a person should know of a label table that can be used, but may not mean what it says."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import pandas as pd

from silktune.data.label_checks import KEYS, SPELLINGS, some
from silktune.data.text_normalisation import alike, letters
from silktune.data.variables import BACKGROUND

MOST = 5  # notes of one column


def about_columns(headings: Sequence[str]) -> Iterator[str]:
    """Headings that are nearly others."""
    for name in headings:
        close = difflib.get_close_matches(letters(name), [key for key in KEYS if key not in headings], 1, 0.8)
        if close:
            yield f"The column {name} is none of the keys: did you mean {close[0]}?"
    for names in (names for names in _groups(headings).values() if len(names) > 1):
        yield f"The columns {' and '.join(names)} look alike, and are two variables."


def about_subsets(raw: pd.DataFrame) -> Iterator[str]:
    """A column that names subsets but is not called split."""
    for name in raw.columns if "split" not in raw else ():
        labels = {alike(label) for label in raw[name].unique()} - {""}
        if len(labels) > 1 and labels <= SPELLINGS.keys():
            yield (
                f"The column {name} names subsets ({', '.join(sorted(labels))}), but is not used as the split; "
                "it would be if it were called split."
            )


def about_labels(name: str, counts: Counter[str]) -> Iterator[str]:
    """Classes of a variable, or records, that look alike; `counts`: images of each."""
    notes = []
    for key, labels in _groups(counts).items():
        if key == BACKGROUND and name != "record":
            notes += [_background(name, label, counts) for label in labels if label != BACKGROUND]
        elif len(labels) > 1:
            notes.append(_look_alike(name, labels, counts))
    yield from notes[:MOST]
    if len(notes) > MOST:
        yield f"{name}: {len(notes) - MOST:,} more such groups of labels that look alike."


def about_lost(name: str, counts: Counter[str]) -> Iterator[str]:
    """Labels in which an earlier conversion of the file left its sign for a letter that was lost."""
    lost = [label for label in counts if "\ufffd" in label]
    if lost:
        yield f"{name}: letters were lost before, where \ufffd stands: {some(sorted(lost))}. Export the table anew."


def _look_alike(name: str, labels: Sequence[str], counts: Counter[str]) -> str:
    spelled = " and ".join(f"{label} ({images(counts[label])})" for label in labels)
    how = "differ only in case" if len({label.lower() for label in labels}) == 1 else "look alike"
    what = "records, which may go into different subsets" if name == "record" else "classes"
    return f"{name}: {spelled} {how}, but are {len(labels)} {what}. If they are one, write them alike in the table."


def _background(name: str, label: str, counts: Counter[str]) -> str:
    beside = f" beside {BACKGROUND} ({images(counts[BACKGROUND])})" if counts[BACKGROUND] else ""
    return (
        f"{name}: {label} ({images(counts[label])}){beside} is a class like others: only {BACKGROUND}, in small "
        "letters, says that a label is none of the classes of interest."
    )


def images(count: int) -> str:
    return f"{count:,} image{'s' * (count != 1)}"


def _groups(texts: Iterable[str]) -> dict[str, list[str]]:
    """The texts by what they look like."""
    groups: dict[str, set[str]] = {}
    for text in texts:
        groups.setdefault(alike(text), set()).add(text)
    return {key: sorted(group) for key, group in groups.items()}
