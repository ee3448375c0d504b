"""Which images a mini-batch holds (P22 §3.3). A batch is the global one, whatever the number of workers.

rows are the training images, as int64 row numbers in the data set; K classes of the one variable that is
balanced N_min number of training images of its rarest class; N^MB the size of a batch
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from silktune.errors import SettingsError

Rows = NDArray[np.int64]


def random_batches(rows: Rows, size: int, rng: np.random.Generator) -> list[Rows]:
    """An epoch of random batches: every row once, in a new order, the last batch shorter.

    Paper: P22 §3.3, C*.
    Differs: nothing.
    """
    return pieces(rng.permutation(rows), size)


def pieces(rows: Rows, size: int) -> list[Rows]:
    """Rows in their order, cut into batches of at most `size`."""
    return [rows[first : first + size] for first in range(0, len(rows), size)]


def balanced_batches(labels: Rows, rows: Rows, size: int, K: int, rng: np.random.Generator) -> list[Rows]:
    """An epoch of balanced batches: a class is drawn uniformly, then an image of it, until the batch is full.

    An image is at most once in a batch, but may be in several batches of the epoch, or in none. There are as
    many batches as `random_batches` makes of the same rows.

    Paper: P22 §3.3, C.
    Differs: Images whose label is unknown or background are never drawn: they have no class to balance. A
        class of which every image is in the batch already is drawn no more; Eq. (5) leaves room for that by
        chance.

    Args:
        labels: (n,) class ids of the rows; −1 is unknown, K is background.
        rows: (n,) rows.
        size: N^MB, see `check_balanced`.
        K: number of classes.
        rng: the source of chance.
    """
    members = [rows[labels == k] for k in range(K)]
    return [_balanced(members, size, rng) for _ in range(0, len(rows), size)]


def _balanced(members: Sequence[Rows], size: int, rng: np.random.Generator) -> Rows:
    left = [list(rng.permutation(rows)[:size]) for rows in members if len(rows)]
    batch: list[np.int64] = []
    while left and len(batch) < size:
        k = int(rng.integers(len(left)))
        batch.append(left[k].pop())
        if not left[k]:
            del left[k]
    return np.array(batch, dtype=np.int64)


def largest_balanced(counts: Sequence[int]) -> int:
    """The largest balanced batch: N_min·K.

    Paper: P22 Eq. (5).
    Differs: nothing.

    Args:
        counts: training images of each of the K classes.
    """
    return min(counts) * len(counts)


def check_balanced(size: int, counts: Mapping[str, Mapping[str, int]]) -> None:
    """Say why batches of this size cannot be balanced, if they cannot.

    Args:
        size: N^MB, `train.batch_size`.
        counts: for each variable that is trained, its classes and how many training images each has.

    Raises:
        SettingsError: there are several variables, or the batch is larger than P22 Eq. (5) allows.
    """
    if len(counts) > 1:
        raise SettingsError(
            f"train.sampling is balanced, but there are {len(counts)} variables ({', '.join(counts)}), and "
            f"balanced sampling (P22 §3.3) is for one. Use data.variables=… with one of them, or "
            f"train.sampling=random."
        )
    for variable, classes in counts.items():
        largest = largest_balanced(list(classes.values()))
        if size > largest:
            rarest = min(classes, key=lambda name: classes[name])
            smaller = f"train.batch_size={largest} or less, or " if largest > 1 else ""
            raise SettingsError(
                f"train.batch_size is {size}, but balanced sampling (P22 Eq. 5) of '{variable}' allows at "
                f"most {largest} = {classes[rarest]} × {len(classes)} (training images of the rarest class, "
                f"'{rarest}', times the number of classes). Use {smaller}train.sampling=random."
            )
