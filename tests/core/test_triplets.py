"""The triplets of L_sem, counted by sorting, against each of them looked at."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from silktune.core import similarity, triplets
from tests import reference

seeds = st.integers(0, 2**32 - 1)


def shares(seed: int, N: int, M: int) -> tuple[Tensor, Tensor]:
    """Y and Y + u of N images with gaps in their labels."""
    labels = np.random.default_rng(seed).integers(-1, 3, (N, M))
    Y, u = similarity.semantic(torch.from_numpy(labels), torch.full((M,), 2))
    return Y, Y + u


def looked_at(s: Tensor, t: Tensor, positive: Tensor, negative: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    different = ~torch.eye(len(s), dtype=torch.bool)
    valid = (positive[:, :, None] - negative[:, None, :] > 1e-4) & different[:, :, None] & different[:, None, :]
    active = valid & (s.float()[:, :, None] > t.float()[:, None, :])
    return active.sum(2).int(), active.sum(1).int(), valid.sum((1, 2))


@given(seeds, st.integers(1, 40), st.integers(1, 7), st.sampled_from([torch.float32, torch.float64]))
def test_they_are_counted_as_if_each_was_looked_at(seed: int, N: int, M: int, dtype: torch.dtype) -> None:
    Y, negative = (share.to(dtype) for share in shares(seed, N, M))
    delta = torch.from_numpy(np.random.default_rng(seed).integers(0, 6, (N, N)) / 4).to(dtype)  # with many ties
    found = triplets.count(Y + delta, negative + delta, Y, negative)
    for ours, expected in zip(found, looked_at(Y + delta, negative + delta, Y, negative), strict=True):
        assert torch.equal(ours, expected)


@pytest.mark.parametrize("rows", [1, 3, 50])
def test_it_does_not_matter_how_many_anchors_are_counted_together(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    Y, negative = shares(0, 50, 4)
    delta = torch.rand(50, 50, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(triplets, "BLOCK", rows * 2 * 50)
    found = triplets.count(Y + delta, negative + delta, Y, negative)
    for ours, expected in zip(found, looked_at(Y + delta, negative + delta, Y, negative), strict=True):
        assert torch.equal(ours, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("M", [*range(1, 65), 100, 127, 128, 1000, 4999])
def test_ranks_are_in_the_order_of_whole_numbers(M: int, dtype: torch.dtype) -> None:
    """However a share was computed: its rounding error moves it to no other rank."""
    whole = torch.arange(M + 1).repeat(4)
    error = torch.tensor([0.0, 1.0, -1.0, 2.0]).repeat_interleave(M + 1) * 2e-7
    computed = (whole.to(dtype) / M + error.to(dtype)).clamp(0, 1)
    ranks, levels = triplets._ranks(computed[None])
    assert levels == M + 1
    assert torch.equal(ranks[0].long(), whole)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("M", [1, 2, 3, 5, 12, 40, similarity.MOST_COMPARABLE])
def test_ranks_are_in_the_order_of_quotients(M: int, dtype: torch.dtype) -> None:
    """As a margin over the comparable variables has them: of c variables e are equal."""
    quotients = [(e, c) for c in range(1, M + 1) for e in range(c + 1)]
    e, c = torch.tensor(quotients).to(dtype).T
    ranks, levels = triplets._ranks((e / c)[None])
    order = sorted({Fraction(*quotient) for quotient in quotients})
    assert levels == len(order)
    position = {fraction: rank for rank, fraction in enumerate(order)}
    assert ranks[0].tolist() == [position[Fraction(*quotient)] for quotient in quotients]


@given(st.integers(1, 12), seeds)
def test_number_of_valid_triplets_is_that_of_whole_numbers(M: int, seed: int) -> None:
    labels = torch.randint(-1, 3, (6, M), generator=torch.Generator().manual_seed(seed))
    background = torch.full((M,), 2)
    Y, u = similarity.semantic(labels, background)
    *_, valid = triplets.count(Y, Y, Y, Y + u)
    rows, none = labels.tolist(), background.tolist()
    margins = [
        reference.count_equal(rows, i, p, none)
        - reference.count_equal(rows, i, n, none)
        - reference.count_not_comparable(rows, i, n, none)
        for i in range(6) for p in range(6) for n in range(6) if len({i, p, n}) == 3
    ]  # fmt: skip
    assert valid.sum() == sum(margin > 0 for margin in margins)
