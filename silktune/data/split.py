"""Which subset an image belongs to: 60/20/20, no record torn, every class of every variable in each subset.

A class that cannot be in all three subsets becomes background, and an image whose only labels are of such
classes is left out (P23 §4).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from silktune.data.label_checks import some, without
from silktune.data.label_notes import images
from silktune.data.labels import BACKGROUND, SUBSETS, LabelTable, Variable
from silktune.data.stratify import SHARES, Board, Bools, Ints, draw
from silktune.errors import DataError

LARGE = 0.1  # of all images: a record that may keep the subsets from their shares


@dataclass(frozen=True, eq=False)
class Split:
    """The images that are kept, each in its subset and with its labels, and what became of the others."""

    samples: pd.DataFrame  # image, record, subset and the variables, all str, sorted by image
    variables: tuple[Variable, ...]
    rejected: tuple[tuple[str, str], ...]  # image, reason
    backgrounds: dict[str, dict[str, int]]  # variable → class that became background → its records
    notes: tuple[str, ...] = ()  # what a person should know of it


def split(table: LabelTable, *, seed: int, min_records: int) -> Split:
    """Split a label table, by its column `split` if it has one, else by chance.

    Args:
        table: the labels; the order of its rows does not matter.
        seed: data.split_seed.
        min_records: a class of fewer records becomes background.

    Raises:
        DataError: a variable is left with fewer than two classes.
    """
    board = Board.of(table)
    given = table.cells["split"].to_numpy(str)
    if given[0]:
        subset = np.array([SUBSETS.index(name) for name in given], np.int64)[board.first_row]
        dropped = board.rare(min_records) | board.not_everywhere(subset)
    else:
        subset, dropped = draw(board, seed, min_records)
    result = _result(table, board, subset[board.record], dropped)
    return result if given[0] else replace(result, notes=tuple(_about_large_records(result.samples)))


def _result(table: LabelTable, board: Board, subset: Ints, dropped: Bools) -> Split:
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


def _about_large_records(samples: pd.DataFrame) -> Iterator[str]:
    """The records that keep a drawn split from its shares, since a record stays together."""
    N = len(samples)
    shares = [float((samples["subset"] == subset).mean()) for subset in SUBSETS]
    sizes = samples["record"].value_counts()
    large = sizes[sizes > max(1, LARGE * N)]
    if len(large) and max(abs(share - wish) for share, wish in zip(shares, SHARES, strict=True)) > LARGE / 2:
        which = some([f"{n:,} of record {record}" for record, n in large.items()], 3)
        parts = ", ".join(f"{share:.0%} {subset}" for share, subset in zip(shares, SUBSETS, strict=True))
        yield (
            f"Large records skew the split: of {images(N)}, {which} belong together, so it is {parts} "
            f"instead of {', '.join(f'{wish:.0%}' for wish in SHARES)}."
        )


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
        rare = f"no label but of classes too rare to split: {', '.join(labels)}"
        yield str(row["image"]), rare if labels else "no label"
