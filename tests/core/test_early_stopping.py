"""Which epoch is the best one, and when a training is over."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silktune.core import early_stopping
from silktune.outcome import Epoch, StopOn
from silktune.settings import Train
from tests.outcomes import scores

L, CE, F1 = (0.9, 0.5, 0.5, 0.7), (0.8, 0.7, 0.6, 0.6), (0.3, 0.2, 0.1, 0.3)  # of four epochs


def epochs(L: Sequence[float], CE: Sequence[float], F1: Sequence[float]) -> list[Epoch]:
    return [
        Epoch(number=n, train_loss={}, validation_loss={"L": a, "CE": b}, validation=scores(f1), seconds=0)
        for n, (a, b, f1) in enumerate(zip(L, CE, F1, strict=True), 1)
    ]


@pytest.mark.parametrize(("stop_on", "number"), [("L", 2), ("C", 3), ("mean_f1", 1)])
def test_the_best_epoch_is_the_earliest_of_equals(stop_on: StopOn, number: int) -> None:
    assert early_stopping.best(epochs(L, CE, F1), stop_on).number == number


@pytest.mark.parametrize(("stop_on", "length"), [("L", 4), ("C", 5), ("mean_f1", 3)])
def test_a_training_is_over_patience_epochs_after_its_best(stop_on: StopOn, length: int) -> None:
    train = Train(stop_on=stop_on, patience=2)
    for n in range(5):
        assert early_stopping.saturated(epochs(L[:n], CE[:n], F1[:n]), train) == (n >= length)


def test_max_epochs_end_it_in_any_case() -> None:
    assert early_stopping.saturated(epochs(L, CE, F1), Train(stop_on="C", max_epochs=4, patience=2))


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=9), st.sampled_from(["L", "C", "mean_f1"]))
def test_the_best_stays_the_best_until_a_better_one_comes(values: list[tuple[int, int, int]], stop_on: StopOn) -> None:
    """So the weights that are kept while a training goes on are those of the best epoch in the end."""
    found = epochs(*zip(*[(a / 4, b / 4, c / 4) for a, b, c in values], strict=True))
    kept = 0
    for n in range(1, len(found) + 1):
        if early_stopping.best(found[:n], stop_on) is found[n - 1]:
            kept = n
    assert early_stopping.best(found, stop_on).number == kept
