"""Which subset an image belongs to: 60/20/20, no record torn, every class of every variable in each subset.

First every class is given a record in each subset, the rarest first; then the other records follow by
iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011), a record counting with all of its images. A
class that cannot be in all three subsets becomes background (P23 §4).

Classes are numbered over all variables together; j is a subset: 0 training, 1 validation, 2 test.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from silktune.data.labels import BACKGROUND, SUBSETS, LabelTable, Variable, some, without
from silktune.errors import DataError
from silktune.seeds import stream

SHARES = (0.6, 0.2, 0.2)

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Split:
    """The images that are kept, each in its subset and with its labels, and what became of the others."""

    samples: pd.DataFrame  # image, record, subset and the variables, all str, sorted by image
    variables: tuple[Variable, ...]
    rejected: tuple[tuple[str, str], ...]  # image, reason
    backgrounds: dict[str, dict[str, int]]  # variable → class that became background → its records


def split(table: LabelTable, *, seed: int, min_records: int) -> Split:
    """Split a label table, by its column `split` if it has one, else by chance.

    Args:
        table: the labels; the order of its rows does not matter.
        seed: data.split_seed.
        min_records: a class of fewer records becomes background.

    Raises:
        DataError: a variable is left with fewer than two classes.
    """
    board = _Board.of(table)
    given = table.cells["split"].to_numpy(str)
    if given[0]:
        subset = np.array([SUBSETS.index(name) for name in given], np.int64)[board.first_row]
        dropped = board.rare(min_records) | board.not_everywhere(subset)
    else:
        subset, dropped = _draw(board, seed, min_records)
    return _result(table, board, subset[board.record], dropped)


@dataclass(frozen=True, eq=False)
class _Board:
    """The label table in numbers."""

    classes: tuple[tuple[str, str], ...]  # variable and class of every class number; explicit background too
    record: Ints  # (N,) record number of each image
    first_row: Ints  # (R,) one image of each record
    image: Ints  # (L,) image of each label
    label: Ints  # (L,) class number of each label
    background: Bools  # (C,) which class numbers are the table's own background

    @classmethod
    def of(cls, table: LabelTable) -> _Board:
        names = table.cells["record"].to_numpy(str)
        _, first, record = np.unique(names, return_index=True, return_inverse=True)
        classes: list[tuple[str, str]] = []
        images, labels = [], []
        for name in table.variables:
            found, ids = np.unique(table.cells[name].to_numpy(str), return_inverse=True)
            known = np.flatnonzero(found[ids] != "")
            images.append(known)
            labels.append(ids[known] + len(classes))
            classes += [(name, str(label)) for label in found]
        background = np.array([label == BACKGROUND for _, label in classes])
        return cls(
            tuple(classes), record.astype(np.int64), first.astype(np.int64),
            np.concatenate(images).astype(np.int64), np.concatenate(labels).astype(np.int64), background,
        )  # fmt: skip

    @property
    def wanted(self) -> Bools:
        """(C,) which class numbers are classes of interest."""
        return np.array([label not in ("", BACKGROUND) for _, label in self.classes])

    def pairs(self) -> tuple[Ints, Ints, Ints]:
        """Every record and class that meet, and in how many images: (P,), (P,), (P,)."""
        keys, images = np.unique(self.record[self.image] * len(self.classes) + self.label, return_counts=True)
        return keys // len(self.classes), keys % len(self.classes), images.astype(np.int64)

    def records(self) -> Ints:
        """(C,) records of each class."""
        return np.bincount(self.pairs()[1], minlength=len(self.classes)).astype(np.int64)

    def rare(self, min_records: int) -> Bools:
        return self.wanted & (self.records() < min_records)

    def not_everywhere(self, subset: Ints) -> Bools:
        """(C,) classes of interest that one of the subsets lacks, given each record's subset."""
        records, classes, _ = self.pairs()
        there = np.zeros((len(self.classes), len(SUBSETS)), bool)
        there[classes, subset[records]] = True
        return self.wanted & ~there.all(axis=1)

    def kept(self, dropped: Bools) -> Bools:
        """(N,) images with a label that is of no dropped class."""
        kept = np.zeros(len(self.record), bool)
        kept[self.image[~dropped[self.label]]] = True
        return kept


def _draw(board: _Board, seed: int, min_records: int) -> tuple[Ints, Bools]:
    """A subset for each record, (R,), and the classes that became background, (C,).

    Covering may fail for a class whose records were all given away for the sake of rarer ones. It is then
    covered first; if that has failed before, it becomes background. So the search ends.
    """
    order = stream(seed, "split").permutation(len(board.first_row))
    dropped = board.rare(min_records)
    first: list[int] = []
    while True:
        draw = _Draw(board, order, dropped)
        failed = draw.cover(first)
        if failed is None:
            break
        if failed in first:
            dropped[failed] = True
        else:
            first.insert(0, failed)
    draw.stratify()
    return draw.subset, dropped


class _Draw:
    """One attempt to give each record a subset."""

    def __init__(self, board: _Board, order: Ints, dropped: Bools) -> None:
        kept = board.kept(dropped)
        self.size = np.bincount(board.record[kept], minlength=len(order))
        self.subset = np.full(len(order), -1, np.int64)
        self.classes = [int(c) for c in np.flatnonzero(board.wanted & ~dropped)]
        self.holders: dict[int, list[int]] = {}  # class → its records, large ones first, else by chance
        self.held: list[list[tuple[int, int]]] = [[] for _ in order]  # record → (class, images)
        self.left: dict[int, int] = {}  # class → images not yet given away
        self.rank = rank = np.argsort(order)
        records, classes, images = board.pairs()
        by_rank = np.lexsort((rank[records], -self.size[records]))
        for r, c, n in np.stack([records, classes, images], axis=1)[by_rank].tolist():
            if not dropped[c]:
                self.holders.setdefault(c, []).append(r)
                self.held[r].append((c, n))
                self.left[c] = self.left.get(c, 0) + n
        self.wish = {c: [share * n for share in SHARES] for c, n in self.left.items()}
        self.wish_all = [share * float(self.size.sum()) for share in SHARES]

    def give(self, record: int, j: int) -> None:
        self.subset[record] = j
        self.wish_all[j] -= float(self.size[record])
        for c, n in self.held[record]:
            self.wish[c][j] -= n
            self.left[c] -= n

    def cover(self, first: Sequence[int]) -> int | None:
        """Give each class a record in each subset; the class for which it failed, or None."""
        for c in sorted(self.classes, key=lambda c: (c not in first, len(self.holders[c]))):
            have = {int(self.subset[r]) for r in self.holders[c]}
            for j in (j for j in (2, 1, 0) if j not in have):
                free = [r for r in self.holders[c] if self.subset[r] < 0]
                if not free:
                    return c
                self.give(self._fitting(free, j), j)
        return None

    def _fitting(self, free: Sequence[int], j: int) -> int:
        """One of the free records by chance that subset j has room for, else the smallest."""
        room = [r for r in free if self.size[r] <= self.wish_all[j]]
        return min(room, key=lambda r: int(self.rank[r])) if room else free[-1]

    def stratify(self) -> None:
        """Give the other records away, the class with the fewest images left first."""
        while self.left:
            c = min(self.left, key=lambda c: (self.left[c], c))
            for r in self.holders[c]:
                if self.subset[r] < 0:
                    wish = self.wish[c]
                    self.give(r, max(range(3), key=lambda j: (wish[j], self.wish_all[j])))
            del self.left[c]  # none of its records is free any more
        for r in np.argsort(self.rank).tolist():
            if self.subset[r] < 0:
                self.give(r, max(range(3), key=lambda j: self.wish_all[j]))


def _result(table: LabelTable, board: _Board, subset: Ints, dropped: Bools) -> Split:
    """The split in the table's own words."""
    records = board.records()
    backgrounds: dict[str, dict[str, int]] = {}
    for c in np.flatnonzero(dropped).tolist():
        variable, name = board.classes[c]
        backgrounds.setdefault(variable, {})[name] = int(records[c])
    kept = board.kept(dropped)
    samples = table.cells[["image", "record"]].assign(subset=np.array(SUBSETS, object)[subset])
    for name in table.variables:
        rare = table.cells[name].isin(list(backgrounds.get(name, {})))
        samples[name] = table.cells[name].mask(rare, BACKGROUND)
    samples = samples[kept].reset_index(drop=True)
    variables = tuple(Variable.of(name, samples[name]) for name in table.variables)
    complaints = list(_about_classes(table, variables, backgrounds))
    if complaints:
        raise DataError.of(complaints)
    return Split(samples, variables, tuple(_rejected(table, kept)), backgrounds)


def _about_classes(
    table: LabelTable, variables: Sequence[Variable], backgrounds: dict[str, dict[str, int]]
) -> Iterator[str]:
    usable = [variable.name for variable in variables if variable.K >= 2]
    for variable in variables:
        if variable.K < 2:
            rare = backgrounds.get(variable.name, {})
            which = some([f"{name} ({n} record{'s' * (n != 1)})" for name, n in rare.items()])
            yield (
                f"{table.source}: the variable {variable.name} is left with {variable.K} of the two classes "
                f"it needs, since these are too rare to be in all three subsets: {which}. {without(usable)}"
            )


def _rejected(table: LabelTable, kept: Bools) -> Iterator[tuple[str, str]]:
    for _, row in table.cells[~kept].iterrows():
        labels = [f"{name} {row[name]}" for name in table.variables if row[name]]
        rare = f"its only labels are of classes too rare to split: {', '.join(labels)}"
        yield str(row["image"]), rare if labels else "no label"
