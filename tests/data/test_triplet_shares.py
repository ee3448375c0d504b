"""What L_sem can use of a set of labels, against every triplet looked at."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from silktune.data import triplet_shares
from silktune.data.triplet_shares import Margin, TripletShares
from tests import reference

labels_of_images = hnp.arrays(np.int64, st.tuples(st.integers(1, 9), st.integers(1, 5)), elements=st.integers(-1, 2))


@pytest.mark.parametrize("margin", ["all", "comparable"])
@given(labels_of_images, st.data())
def test_they_are_those_of_each_triplet(margin: Margin, labels: np.ndarray, data: st.DataObject) -> None:
    N, M = labels.shape
    background = data.draw(st.lists(st.sampled_from([-1, 2]), min_size=M, max_size=M))
    valid = reference.valid_triplets(labels.tolist(), background, margin)
    found = triplet_shares.triplet_shares(labels, np.array(background))[margin]
    assert found.anchors == len({i for i, *_ in valid}) / N
    assert found.triplets == len(valid) / max(N * (N - 1) * (N - 2), 1)


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_it_does_not_matter_how_many_are_compared_together(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    labels, none = np.random.default_rng(0).integers(-1, 3, (40, 4)), np.full(4, -1)
    expected = triplet_shares.triplet_shares(labels, none)
    monkeypatch.setattr(triplet_shares, "BLOCK", block)
    assert triplet_shares.triplet_shares(labels, none) == expected


def test_an_anchor_needs_more_than_half_of_its_labels() -> None:
    """With k of M labels known it has a valid triplet only if k > M/2: Y ≤ k/M and u ≥ (M − k)/M."""
    rng = np.random.default_rng(1)
    labels = np.where(rng.random((300, 4)) < 0.6, rng.integers(0, 2, (300, 4)), -1)
    known = (labels >= 0).sum(1)
    found = triplet_shares.triplet_shares(labels, np.full(4, -1))
    assert found["all"].anchors == (known > 2).mean()
    assert found["comparable"].anchors == (known > 0).mean()


def test_no_images_at_all() -> None:
    found = triplet_shares.triplet_shares(np.empty((0, 3), np.int64), np.full(3, -1))
    assert set(found.values()) == {TripletShares(0, 0)}
