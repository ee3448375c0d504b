"""Named streams of chance: the same everywhere and always, and independent of each other."""

from __future__ import annotations

import numpy as np
import pytest

from silktune.seeds import number, stream

NAMES = [
    (),
    ("batches",),
    ("batches", 1),
    ("batches", 2),
    ("batches", 11),
    ("batches1",),
    ("augmentation", 1),
    (1, "batches"),
]


@pytest.mark.parametrize(
    ("seed", "name", "expected"),
    [
        (0, ("batches", 1), 9064210199621714351),
        (0, ("batches", 2), 2653852419491157630),
        (1, ("batches", 1), 5841692093034823164),
        (0, ("initialisation",), 31240946841285725),
    ],
)
def test_numbers_are_what_they_have_always_been(seed: int, name: tuple[str | int, ...], expected: int) -> None:
    assert number(seed, *name) == expected


def test_streams_are_what_they_have_always_been() -> None:
    assert stream(0, "batches", 1).integers(0, 1000, 5).tolist() == [435, 638, 64, 450, 665]


def test_every_name_and_seed_has_its_own_number() -> None:
    numbers = {number(seed, *name) for seed in range(50) for name in NAMES}
    assert len(numbers) == 50 * len(NAMES)
    assert all(0 <= n < 2**63 for n in numbers)


def test_no_stream_moves_another() -> None:
    first = stream(0, "batches", 1)
    stream(0, "augmentation", 1).random(1000)
    assert (first.random(5) == stream(0, "batches", 1).random(5)).all()


def test_streams_are_not_correlated() -> None:
    draws = np.stack([stream(seed, *name).random(2000) for seed in (0, 1) for name in NAMES])
    correlations = np.corrcoef(draws)[~np.eye(len(draws), dtype=bool)]
    assert abs(correlations).max() < 5 / np.sqrt(2000)
