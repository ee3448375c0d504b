"""Drawing a split: which record goes to which subset.

First every class is given a record in each subset, the rarest first; then the other records follow by
iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011), a record counting with all of its images and
going where none of its labels is too much.

Where a table is split by groups, a group is meant wherever a record is spoken of.

Notation: N images, R records, C classes, numbered over all variables together, L labels; j is a subset: 0
training, 1 validation, 2 test.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from silktune.data.label_table import BACKGROUND, SUBSETS, LabelTable
from silktune.seeds import stream

ATTEMPTS = 20
ONE_BY_ONE = 10  # classes; a column of numbers or remarks may have thousands that cannot be covered

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Board:
    """The label table in numbers."""

    classes: tuple[tuple[str, str], ...]  # variable and class of every class number; explicit background too
    record: Ints  # (N,) record number of each image
    first_row: Ints  # (R,) one image of each record
    home: Ints  # (C,) the class number of the same variable's background
    image: Ints  # (L,) image of each label
    label: Ints  # (L,) class number of each label

    @classmethod
    def of(cls, table: LabelTable) -> Board:
        _, first, record = np.unique(table.together, return_index=True, return_inverse=True)
        classes: list[tuple[str, str]] = []
        homes, images, labels = [], [], []
        for name in table.variables:
            cells = table.cells[name].to_numpy(str)
            found = np.unique([*cells, BACKGROUND])
            ids = np.searchsorted(found, cells)
            known = np.flatnonzero(cells != "")
            homes += [len(classes) + int(np.searchsorted(found, BACKGROUND))] * len(found)
            images.append(known)
            labels.append(ids[known] + len(classes))
            classes += [(name, str(label)) for label in found]
        record, first = record.astype(np.int64), first.astype(np.int64)
        image, label = np.concatenate(images).astype(np.int64), np.concatenate(labels).astype(np.int64)
        return cls(tuple(classes), record, first, np.array(homes, np.int64), image, label)

    @property
    def wanted(self) -> Bools:
        """(C,) which class numbers are classes of interest."""
        return np.array([label not in ("", BACKGROUND) for _, label in self.classes])

    def pairs(self) -> tuple[Ints, Ints, Ints]:
        """Every record and class that meet, and in how many images: (P,), (P,), (P,)."""
        return self._pairs(self.image, self.label)

    def pairs_after(self, dropped: Bools) -> tuple[Ints, Ints, Ints]:
        """The same for the images that are kept, with background in the place of the dropped classes."""
        kept = self.kept(dropped)[self.image]
        label = np.where(dropped, self.home, np.arange(len(self.classes)))[self.label]
        return self._pairs(self.image[kept], label[kept])

    def _pairs(self, image: Ints, label: Ints) -> tuple[Ints, Ints, Ints]:
        C = len(self.classes)
        keys, images = np.unique(self.record[image] * C + label, return_counts=True)
        return keys // C, keys % C, images.astype(np.int64)

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

    def unlabelled(self) -> Bools:
        """(N,) images without any label."""
        empty = np.ones(len(self.record), bool)
        empty[self.image] = False
        return empty

    def sizes(self, dropped: Bools) -> dict[str, list[int]]:
        """The records of each class of interest that is not dropped, by variable."""
        sizes: dict[str, list[int]] = {variable: [] for variable, _ in self.classes}
        records = self.records()
        for c in np.flatnonzero(self.wanted & ~dropped):
            sizes[self.classes[c][0]].append(int(records[c]))
        return sizes


def draw(board: Board, seed: int, min_records: int, shares: Sequence[float]) -> tuple[Ints, Bools]:
    """A subset for each record, (R,), of about these shares, and the classes that became background, (C,).

    Covering may fail for a class whose records were all given away for the sake of others. Then it is covered
    first, with other luck; the class that fails most often in ATTEMPTS becomes background, and where there are more
    than ONE_BY_ONE such classes, all the others that fail in one attempt. So the search ends.
    """
    dropped = board.rare(min_records)
    for already in itertools.count():
        failures: list[int] = []
        while len(failures) < ATTEMPTS:
            order = stream(seed, "split", len(failures)).permutation(len(board.first_row))
            attempt = _Draw(board, order, dropped, shares)
            failed = attempt.cover(failures, every=already >= ONE_BY_ONE)
            if not failed:
                attempt.stratify()
                return attempt.subset, dropped
            if already >= ONE_BY_ONE:
                dropped[failed] = True
                break
            failures += failed
        else:
            dropped[max(sorted(set(failures)), key=failures.count)] = True
    raise AssertionError  # a count has no end


class _Draw:
    """One attempt to give each record a subset."""

    def __init__(self, board: Board, order: Ints, dropped: Bools, shares: Sequence[float]) -> None:
        kept = board.kept(dropped)
        self.size = np.bincount(board.record[kept], minlength=len(order))
        self.subset = np.full(len(order), -1, np.int64)
        self.classes = [int(c) for c in np.flatnonzero(board.wanted & ~dropped)]
        self.holders: dict[int, list[int]] = {}  # class → its records, large ones first, else by chance
        self.held: list[list[tuple[int, int]]] = [[] for _ in order]  # record → (class, images)
        self.left: dict[int, int] = {}  # class → images not yet given away
        self.rank = rank = np.argsort(order)
        records, classes, images = board.pairs_after(dropped)
        by_rank = np.lexsort((rank[records], -self.size[records]))
        for r, c, n in np.stack([records, classes, images], axis=1)[by_rank].tolist():
            self.holders.setdefault(c, []).append(r)
            self.held[r].append((c, n))
            self.left[c] = self.left.get(c, 0) + n
        self.free = {c: len(rs) for c, rs in self.holders.items()}  # records not yet given away
        self.lacking = {c: {0, 1, 2} if board.wanted[c] else set() for c in self.holders}  # subsets without it
        self.wish = {c: [share * n for share in shares] for c, n in self.left.items()}
        self.wish_all = [share * float(self.size.sum()) for share in shares]

    def give(self, record: int, j: int) -> None:
        self.subset[record] = j
        self.wish_all[j] -= float(self.size[record])
        for c, n in self.held[record]:
            self.wish[c][j] -= n
            self.left[c] -= n
            self.free[c] -= 1
            self.lacking[c].discard(j)

    def cover(self, first: Sequence[int], *, every: bool) -> list[int]:
        """Give each class a record in each subset; the class for which it failed, or all of them if `every`."""
        failed = []
        for c in sorted(self.classes, key=lambda c: (c not in first, len(self.holders[c]))):
            for j in sorted(self.lacking[c], reverse=True):
                free = [r for r in self.holders[c] if self.subset[r] < 0]
                if not free:
                    failed.append(c)
                    break
                self.give(self._fitting(free, j), j)
            if failed and not every:
                break
        return failed

    def _fitting(self, free: Sequence[int], j: int) -> int:
        """One of the free records: that no other class needs elsewhere, that fits into subset j, by chance."""
        harmless = [r for r in free if all(self._can_spare(c, j) for c, _ in self.held[r])] or free
        return min(harmless, key=lambda r: (self._excess(r, j), int(self.rank[r])))

    def _excess(self, record: int, j: int) -> float:
        """How many images and labels too many subset j would have with this record."""
        labels = sum(max(0.0, n - self.wish[c][j]) for c, n in self.held[record])
        return round(labels + max(0.0, float(self.size[record]) - self.wish_all[j]), 6)

    def _can_spare(self, c: int, j: int) -> bool:
        """Whether class c can still be covered if one of its free records goes to subset j."""
        return j in self.lacking[c] or self.free[c] > len(self.lacking[c])

    def stratify(self) -> None:
        """Give the other records away, the class with the fewest images left first.

        A record goes where it is not too much; among such subsets, to the one that lacks the class most.
        """
        while self.left:
            c = min(self.left, key=lambda c: (self.left[c], c))
            for r in self.holders[c]:
                if self.subset[r] < 0:
                    self.give(r, self._best(r, self.wish[c]))
            del self.left[c]  # none of its records is free any more
        for r in np.argsort(self.rank).tolist():
            if self.subset[r] < 0:
                self.give(r, self._best(r, self.wish_all))

    def _best(self, record: int, wish: Sequence[float]) -> int:
        return max(range(3), key=lambda j: (-self._excess(record, j), wish[j], self.wish_all[j]))
