"""Which subset an image belongs to: 60/20/20, no record torn, every class of every variable in each subset.

The split is drawn from all variables of a table, whichever of them are trained on. A class that cannot be in all three
subsets becomes background, and an image whose only labels are of such classes is left out (P23 §4). An image without
any label is kept, in no subset. A column that nobody asked for and that is left with fewer than two classes, or has as
many as text has (numbers of objects, remarks), is no variable and has no say in the split.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from silktune.data.label_checks import some, without
from silktune.data.label_table import BACKGROUND, SUBSETS, LabelTable, Note, Variable
from silktune.data.label_warnings import images
from silktune.data.stratified_draw import Board, Bools, Ints, draw
from silktune.errors import DataError

SHARES = (0.6, 0.2, 0.2)  # of the images, for training, validation and test
LARGE = 0.1  # of all images: a record that may keep the subsets from their shares
MANY, FEW = 100, 5  # more classes than that, of fewer records than that on average: text, and it would skew the split
TOO_RARE = "its classes are too rare to be in all three subsets"


@dataclass(frozen=True, eq=False)
class Split:
    """The images that are kept, each in its subset and with its labels, and what became of the others."""

    samples: pd.DataFrame  # image, record, subset ("": without a label) and the variables, all str, sorted by image
    together: npt.NDArray[np.str_]  # (N,) images with the same name here are in the same subset
    variables: tuple[Variable, ...]
    rejected: tuple[tuple[str, str], ...]  # image, reason
    backgrounds: dict[str, dict[str, int]]  # variable → class that became background → its records
    remarks: tuple[Note, ...]  # of the table and of the split
    unusable: Mapping[str, str]  # column that is no variable → why

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of it."""
        return tuple(note.text for note in self.remarks)


def split(table: LabelTable, *, seed: int, min_records: int) -> Split:
    """Split a label table, by its column `split` if it has one, else by chance.

    Args:
        table: the labels; the order of its rows does not matter.
        seed: data.split_seed.
        min_records: a class of fewer records becomes background.

    Raises:
        DataError: a variable that was asked for is left with fewer than two classes.
    """
    while True:
        board = Board.of(table)
        dropped, given = board.rare(min_records), bool(table.cells["split"].iloc[0])
        unusable = _unusable(board, dropped)
        if not unusable:
            subset, dropped = _given(table, board, dropped) if given else draw(board, seed, min_records, SHARES)
            unusable = _unusable(board, dropped)
        if complaints := list(_about_classes(table, board, dropped, unusable)):
            raise DataError.of(complaints)
        if not unusable:
            return _result(table, board, subset[board.record], dropped, drawn=not given)
        table = table.without(unusable)


def redraw(table: LabelTable, seed: int) -> npt.NDArray[np.str_]:
    """The subset of each image, (N,), if a table that was split is split again by chance.

    Args:
        table: without classes that are too rare to split.
        seed: another data.split_seed.

    Raises:
        DataError: a class cannot be in all three subsets this time.
    """
    board = Board.of(table)
    subset, dropped = draw(board, seed, 0, SHARES)
    if dropped.any():
        lost = some([f"{variable} {name}" for variable, name in np.array(board.classes)[dropped]])
        raise DataError(
            f"{table.source}: with data.split_seed={seed} there is no split with these classes in all three subsets: "
            f"{lost}. Prepare the table with a larger data.min_records, or ask for fewer splits."
        )
    return np.where(board.unlabelled(), "", np.array(SUBSETS)[subset[board.record]])


def _unusable(board: Board, dropped: Bools) -> dict[str, str]:
    """The variables that are none without the dropped classes, and why."""
    unusable = {}
    for name, sizes in board.sizes(dropped).items():
        if len(sizes) < 2:
            unusable[name] = TOO_RARE
        elif len(sizes) > MANY and sum(sizes) < FEW * len(sizes):
            mean = sum(sizes) / len(sizes)
            unusable[name] = f"it has {len(sizes):,} classes of {mean:.1f} records on average, as text has"
    return unusable


def _given(table: LabelTable, board: Board, rare: Bools) -> tuple[Ints, Bools]:
    """The subset of each record, (R,), that the table names, and the classes that become background, (C,)."""
    names = table.cells["split"].to_numpy(str)
    subset = np.array([SUBSETS.index(name) for name in names], np.int64)[board.first_row]
    return subset, rare | board.not_everywhere(subset)


def _result(table: LabelTable, board: Board, subset: Ints, dropped: Bools, *, drawn: bool) -> Split:
    """The split in the table's own words."""
    backgrounds = _backgrounds(board, dropped)
    empty = board.unlabelled()
    kept = board.kept(dropped) | empty
    names = np.where(empty, "", np.array(SUBSETS, object)[subset])
    samples = table.cells[["image", "record"]].assign(subset=names)
    for name in table.variables:
        rare = table.cells[name].isin(list(backgrounds.get(name, {})))
        samples[name] = table.cells[name].mask(rare, BACKGROUND)
    samples, together = samples[kept].reset_index(drop=True), table.together[kept]
    variables = tuple(Variable.of(name, samples[name]) for name in table.variables)
    notes = [note for note in table.remarks if note.variable in ("", *table.variables)]
    notes += [
        *_about_unusable(table),
        *(_about_large(samples, together, grouped=table.groups is not None) if drawn else ()),
    ]
    rejected = tuple(_rejected(table, kept))
    return Split(samples, together, variables, rejected, backgrounds, tuple(notes), dict(table.unusable))


def _backgrounds(board: Board, dropped: Bools) -> dict[str, dict[str, int]]:
    records, backgrounds = board.records(), dict[str, dict[str, int]]()
    for c in np.flatnonzero(dropped).tolist():
        variable, name = board.classes[c]
        backgrounds.setdefault(variable, {})[name] = int(records[c])
    return backgrounds


def _about_unusable(table: LabelTable) -> Iterator[Note]:
    if table.unusable:
        names = some([f"{name} ({reason})" for name, reason in table.unusable.items()])
        yield Note("", f"Of the columns of {table.name}, these are no variables and have no say in the split: {names}.")


def _about_large(samples: pd.DataFrame, together: npt.NDArray[np.str_], *, grouped: bool) -> Iterator[Note]:
    """The records, or groups, that keep a drawn split from its shares, since each stays together."""
    samples = samples.assign(together=together)[samples["subset"] != ""]
    N = len(samples)
    shares = [float((samples["subset"] == subset).mean()) for subset in SUBSETS]
    sizes = samples["together"].value_counts()
    large = sizes[sizes > max(1, LARGE * N)]
    if len(large) and max(abs(share - wish) for share, wish in zip(shares, SHARES, strict=True)) > LARGE / 2:
        which = some([f"{n:,} of {name if grouped else f'record {name}'}" for name, n in large.items()], 3)
        parts = ", ".join(f"{share:.0%} {subset}" for share, subset in zip(shares, SUBSETS, strict=True))
        text = (
            f"Large {'groups' if grouped else 'records'} skew the split: of {images(N)}, {which} belong together, so "
            f"it is {parts} instead of {', '.join(f'{wish:.0%}' for wish in SHARES)}."
        )
        yield Note("", text)


def _about_classes(table: LabelTable, board: Board, dropped: Bools, unusable: Mapping[str, str]) -> Iterator[str]:
    """The variables that were asked for and are none."""
    asked = table.asked or table.variables
    usable = [name for name in asked if name not in {**unusable, **table.unusable}]
    for name in (name for name in asked if name in unusable):
        if unusable[name] != TOO_RARE:
            yield f"{table.source}: the variable {name}: {unusable[name]}. {without(usable)}"
            continue
        rare = _backgrounds(board, dropped).get(name, {})
        which = some([f"{label} ({n} record{'s' * (n != 1)})" for label, n in rare.items()])
        yield (
            f"{table.source}: the variable {name} is left with {len(board.sizes(dropped)[name])} of the two classes "
            f"it needs, since these are too rare to be in all three subsets: {which}. {without(usable)}"
        )


def _rejected(table: LabelTable, kept: Bools) -> Iterator[tuple[str, str]]:
    for _, row in table.cells[~kept].iterrows():
        labels = [f"{name} {row[name]}" for name in table.variables if row[name]]
        yield str(row["image"]), f"no label but of classes too rare to split: {', '.join(labels)}"
