"""Random and balanced mini-batches."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from silktune.core import batch_sampling
from silktune.errors import SettingsError
from tests import reference


def rng(seed=0):
    return np.random.default_rng(seed)


@given(st.integers(0, 50), st.integers(1, 20), st.integers(0, 99))
def test_random_batches_hold_every_row_once(n, size, seed):
    rows = rng(1).permutation(1000)[:n]
    epoch = batch_sampling.random_batches(rows, size, rng(seed))
    assert [len(batch) for batch in epoch] == [size] * (n // size) + [n % size] * (n % size > 0)
    assert sorted(np.concatenate([rows[:0], *epoch])) == sorted(rows)


def test_epochs_differ_and_can_be_drawn_again():
    rows = np.arange(100)
    first, again, other = (np.concatenate(batch_sampling.random_batches(rows, 7, rng(s))) for s in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


class TestBalanced:
    labels = np.repeat([0, 1, 2, 3, -1], [500, 100, 50, 20, 30])  # three classes, background, unknown
    rows = 10_000 + np.arange(700)

    def epoch(self, size, seed=0):
        return batch_sampling.balanced_batches(self.labels, self.rows, size, 3, rng(seed))

    @pytest.mark.parametrize("size", [1, 60, 150])
    def test_batches_are_full_and_without_repetition(self, size):
        epoch = self.epoch(size)
        assert len(epoch) == len(batch_sampling.random_batches(self.rows, size, rng()))
        assert all(len(set(batch)) == size for batch in epoch)

    def test_only_images_with_a_class_are_drawn(self):
        drawn = np.concatenate(self.epoch(60))
        assert set(self.labels[drawn - 10_000]) == {0, 1, 2}

    def test_classes_are_drawn_uniformly(self):
        drawn = np.concatenate([batch for seed in range(10) for batch in self.epoch(30, seed)])
        shares = np.bincount(self.labels[drawn - 10_000]) / len(drawn)
        np.testing.assert_allclose(shares, 1 / 3, atol=0.02)  # of 7200: three standard deviations

    def test_a_class_that_is_used_up_gives_way_to_the_others(self):
        (batch,) = batch_sampling.balanced_batches(np.array([0, 0, 0, 0, 1]), np.arange(5), 5, 2, rng())
        assert sorted(batch) == [0, 1, 2, 3, 4]

    def test_the_same_chance_gives_the_same_epoch(self):
        for one, two in zip(self.epoch(60, seed=5), self.epoch(60, seed=5), strict=True):
            assert (one == two).all()


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=30))
def test_largest_balanced_batch_is_the_reference(counts):
    assert batch_sampling.largest_balanced(counts) == reference.largest_balanced_batch(counts)


MATERIAL = {"animal": 900, "metal": 49, "vegetal": 150}


def test_the_largest_batch_is_allowed():
    batch_sampling.check_balanced(147, {"material": MATERIAL})


def test_a_batch_that_is_too_large_says_how_large_it_may_be():
    with pytest.raises(SettingsError) as error:
        batch_sampling.check_balanced(300, {"material": MATERIAL})
    assert str(error.value) == (
        "train.batch_size is 300, but balanced sampling (P22 Eq. 5) of 'material' allows at most "
        "147 = 49 × 3 (training images of the rarest class, 'metal', times the number of classes). "
        "Use train.batch_size=147 or less, or train.sampling=random."
    )


def test_a_class_without_training_images_cannot_be_balanced_at_all():
    with pytest.raises(SettingsError, match=r"at most 0 = 0 × 2 .*\. Use train\.sampling=random\."):
        batch_sampling.check_balanced(300, {"material": {"animal": 9, "metal": 0}})


def test_several_variables_cannot_be_balanced():
    with pytest.raises(SettingsError) as error:
        batch_sampling.check_balanced(10, {"material": MATERIAL, "place": {"FR": 99}})
    assert str(error.value) == (
        "train.sampling is balanced, but there are 2 variables (material, place), and balanced sampling "
        "(P22 §3.3) is for one. Use data.variables=… with one of them, or train.sampling=random."
    )
