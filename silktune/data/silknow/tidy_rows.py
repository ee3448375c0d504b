"""The rows of a tidy label table, taken from files of another form, and what of them was left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from silktune.data import text_normalisation
from silktune.data.label_checks import SPELLINGS

MISSING = ("", "nan", "none", "null")
SEVERAL = "several values"
JOINED = "___"  # between the values of a label, in the released code


@dataclass(frozen=True)
class Row:
    """An image and its labels; what is unknown is not in them."""

    image: str  # the name of its file
    record: str
    museum: str = ""
    split: str = ""
    labels: dict[str, str] = field(default_factory=dict)


@dataclass
class TidyRows:
    """Rows that were taken in, and counts of what was not."""

    variables: tuple[str, ...]
    rows: list[Row] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)  # reason → images, or records where they have no image
    unknown: dict[str, Counter[str]] = field(default_factory=dict)  # variable → reason → labels that became unknown

    def add(self, row: Row) -> None:
        """Take an image in if it has a label."""
        if row.labels:
            self.rows.append(row)
        else:
            self.left_out["images without a label of any variable"] += 1

    def labels(self, cells: Mapping[str, Sequence[str]], images: int = 1) -> dict[str, str]:
        """The labels among the values of each variable, of so many images; several values are none."""
        found = {}
        for variable, values in cells.items():
            known = sorted({value for cell in values if (value := label(cell))})
            if len(known) == 1:
                found[variable] = known[0]
            elif known:
                self.unknown.setdefault(variable, Counter())[SEVERAL] += images
        return found

    def once(self, several: str) -> None:
        """Leave out images of which several rows speak, all of their rows; those that say the same are one."""
        by_image: dict[str, list[Row]] = {}
        for row in self.rows:
            by_image.setdefault(row.image, []).append(row)
        self.rows = [rows[0] for rows in by_image.values() if all(row == rows[0] for row in rows)]
        if wrong := len(by_image) - len(self.rows):
            self.left_out[several] += wrong

    def table(self) -> list[list[str]]:
        """Headings and cells; museum and split where any image has one."""
        keys = ["image", "record", *(key for key in ("museum", "split") if any(getattr(row, key) for row in self.rows))]
        rows = sorted(self.rows, key=lambda row: row.image)
        cells = [
            [*(getattr(row, key) for key in keys), *(row.labels.get(v, "") for v in self.variables)] for row in rows
        ]
        return [[*keys, *self.variables], *cells]


def label(cell: str) -> str:
    """A value in one spelling; '' where it is unknown or several values."""
    value = text_normalisation.normalised(cell)
    return "" if value.casefold() in MISSING else value


def values(cell: str) -> list[str]:
    """The values of a label that may be several, as the released code joins them."""
    return cell.split(JOINED)


def file_of(path: str) -> str:
    """The name of an image's file, at the end of a path or an address."""
    return PurePosixPath(path.strip().replace("\\", "/").split("?")[0]).name


def record_of(image: str) -> str:
    """The record that the name of a file tells, museum__record__file; '' where it tells none."""
    parts = PurePosixPath(image).stem.split("__")
    return "__".join(parts[:2]) if len(parts) > 1 else ""


def museum_of(image: str) -> str:
    """The museum that the name of a file tells."""
    first, mark, _ = image.partition("__")
    return first if mark else ""


def subset(word: str) -> str:
    """train, validation or test from how anybody spells it; '' where it is none."""
    small = word.strip().casefold()
    return {"trn": "train", "training": "train"}.get(small, SPELLINGS.get(small, ""))
