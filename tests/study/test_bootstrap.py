"""Metrics on test sets that are drawn anew, and intervals from them."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from silktune.core import metrics
from silktune.data.variables import Variable
from silktune.errors import DataError, StudyError
from silktune.outcome import MEANS, VARIABLE_FIGURES
from silktune.study import bootstrap
from silktune.study.bootstrap import Draws
from silktune.study.predictions import Predictions
from silktune.study.statistics import compare
from tests.study.runs import VARIABLES, run


def repeated(found: Predictions, weights: NDArray[np.float32], records: NDArray[np.str_]) -> NDArray[np.int64]:
    """The images of a test set in which each record is as often as it weighs."""
    weigh = dict(zip(records.tolist(), weights, strict=True))
    return np.repeat(np.arange(len(found.images)), [int(weigh[record]) for record in found.records])


def test_a_draws_metrics_are_those_of_its_images_written_out() -> None:
    found, scores = run(0)
    draws = Draws(found.records, 20)
    on_draws = draws.metrics(found, scores)
    assert {*on_draws} == {(mean,) for mean in MEANS} | {(v.name, f) for v in VARIABLES for f in VARIABLE_FIGURES}
    lacking = 0
    for b in range(20):
        rows = repeated(found, draws.weights[:, 1 + b], draws.records)
        expected = metrics.scores(found.labels[rows], found.predicted[rows], VARIABLES)
        lacking += sum(one.support == 0 for v in expected.variables for one in v.classes)
        flat = expected.metrics()
        for parts, values in on_draws.items():
            assert values[b] == pytest.approx(flat.get(parts, math.nan), abs=1e-6, nan_ok=True), parts
    assert lacking > 0  # the case that is easily done wrong


@st.composite
def drawn_sets(draw: st.DrawFn) -> tuple[list[Variable], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Variables, labels and predictions of N images (N, M), and how often a draw has each of them (N,)."""
    counts = st.lists(st.integers(1, 40), min_size=1, max_size=4)
    kinds = draw(st.lists(st.tuples(counts, st.sampled_from([0, 3])), min_size=1, max_size=3))
    variables = [
        Variable(f"v{m}", tuple("abcd"[: len(n)]), tuple(n), background) for m, (n, background) in enumerate(kinds)
    ]
    N = draw(st.integers(1, 12))
    labels, predicted = (
        np.array([[draw(st.integers(least, v.outputs - 1)) for v in variables] for _ in range(N)]) for least in (-1, 0)
    )
    return variables, labels, predicted, np.array(draw(st.lists(st.integers(0, 3), min_size=N, max_size=N)))


@given(drawn_sets())
def test_metrics_of_draws_are_those_of_core_metrics(
    drawn: tuple[list[Variable], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
) -> None:
    """They are computed in two places, for many draws at once and for one test set class by class."""
    variables, labels, predicted, times = drawn
    each = np.array([[k % v.outputs for v in variables] for k in range(5)])
    classes = metrics.scores(each, each, variables).variables
    weights = times[:, None].astype(np.float32)
    found = bootstrap.resampled(labels, predicted, np.arange(len(labels)), classes, weights)
    rows = np.repeat(np.arange(len(labels)), times)
    try:
        expected = metrics.scores(labels[rows], predicted[rows], variables).metrics()
    except DataError:  # no label of a class of interest
        assert np.isnan(found[("mean_f1",)]).all()
        return
    for parts, (value,) in found.items():
        assert value == pytest.approx(expected.get(parts, math.nan), abs=1e-6, nan_ok=True), parts


def test_all_images_of_a_record_are_drawn_together() -> None:
    found, _ = run(0)
    draws = Draws(found.records, 30)
    assert len(draws.records) == len(set(found.records)) < len(found.images)
    assert (draws.weights[:, 1:].sum(axis=0) == len(draws.records)).all()


def test_draws_do_not_depend_on_the_order_of_the_records() -> None:
    found, scores = run(0)
    one = Draws(found.records, 10).metrics(found, scores)
    other = Draws(reversed(found.records.tolist() * 2), 10).metrics(found, scores)
    assert all(np.array_equal(one[parts], other[parts], equal_nan=True) for parts in one)


def test_predictions_of_another_run_are_refused() -> None:
    found, scores = run(0)
    with pytest.raises(StudyError, match=r"their mean_f1 is [\d.]+ %, and [\d.]+ % in the outcome"):
        Draws(found.records, 2).metrics(run(1)[0], scores)
    renamed = dataclasses.replace(found, classes={"other": ("a", "b")})
    with pytest.raises(StudyError, match="of other variables or classes"):
        Draws(found.records, 2).metrics(renamed, scores)


def test_a_test_set_without_background_and_a_variable_without_rare_classes() -> None:
    variables = (Variable("even", ("a", "b"), (5, 5), 0),)
    labels = np.array([[0], [1], [0], [1]])
    scores = metrics.scores(labels, labels, variables)
    weights = bootstrap.record_weights(4, 10)
    found = bootstrap.resampled(labels, labels, np.arange(4), scores.variables, weights)
    assert found[("mean_f1",)].tolist() == [1.0] * 11
    assert np.isnan(found[("mean_f1_minority",)]).all()


class TestIntervals:
    """Of runs whose variances are known: Y = T + ε + δ."""

    B = 4000

    def runs(self, n: int, T: float, seed: float, own: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Values of n runs and their draws, with these deviations."""
        chance = np.random.default_rng(n)
        values = chance.standard_normal(n)
        values = 0.5 + seed * (values - values.mean()) / values.std(ddof=1)
        draws = values[:, None] + T * chance.standard_normal(self.B) + own * chance.standard_normal((n, self.B))
        return values, draws

    def test_over_seeds_it_is_that_of_the_t_test(self) -> None:
        found = bootstrap.of_mean(*self.runs(5, 0.01, 0.02, 0.0))
        half = 2.776445 * 0.02 / math.sqrt(5)
        assert (found.seeds.low, found.seeds.high) == pytest.approx((0.5 - half, 0.5 + half))

    def test_over_test_sets_it_is_as_wide_as_the_draws(self) -> None:
        found = bootstrap.of_mean(*self.runs(5, 0.01, 0.02, 0.0))
        assert found.test_set.high - 0.5 == pytest.approx(1.96 * 0.01, rel=0.05)

    def test_what_is_in_both_sources_counts_once(self) -> None:
        """Runs that differ only by what the draws do to each: the spread of the runs says it all."""
        found = bootstrap.of_mean(*self.runs(5, 0.0, 0.02, 0.02))
        assert found.both.high == pytest.approx(found.seeds.high, abs=2e-4)
        wide = bootstrap.of_mean(*self.runs(1000, 0.01, 0.02, 0.02))
        assert wide.both.high - 0.5 == pytest.approx(1.96 * math.hypot(0.01, 0.02 / math.sqrt(1000)), rel=0.05)

    def test_new_networks_on_new_objects_are_never_surer_than_these_on_new_objects(self) -> None:
        """A few runs may agree by chance, though the draws move them apart."""
        random = np.random.default_rng(6)
        for _ in range(50):
            values = 0.5 + 0.001 * random.standard_normal(3)
            draws = values[:, None] + 0.03 * random.standard_normal(400) + 0.02 * random.standard_normal((3, 400))
            found = bootstrap.of_mean(values, draws)
            assert found.both.low <= found.test_set.low
            assert found.both.high >= found.test_set.high

    def test_of_one_run_only_the_test_set_is_known(self) -> None:
        found = bootstrap.of_mean(*self.runs(3, 0.01, 0.0, 0.0))
        one = bootstrap.of_mean([0.5], self.runs(1000, 0.01, 0.0, 0.0)[1][:1])
        assert not found.seeds
        assert not one.seeds
        assert not one.both
        assert one.test_set.high - 0.5 == pytest.approx(1.96 * 0.01, rel=0.1)

    def test_what_the_test_set_does_to_both_rows_is_not_in_their_difference(self) -> None:
        values, draws = self.runs(5, 0.05, 0.01, 0.0)
        for paired in (False, True):
            found = bootstrap.of_difference(values + 0.1, draws + 0.1, values, draws, paired=paired)
            assert found.value == pytest.approx(0.1)
            assert not found.test_set or found.test_set.high - 0.1 < 1e-6
        welch = bootstrap.of_difference(values, draws, values, draws, paired=False)
        half = 2.306004 * 0.01 * math.sqrt(2 / 5)  # eight degrees of freedom
        assert welch.both.high == pytest.approx(half, rel=1e-6)

    def test_rows_may_have_different_numbers_of_runs(self) -> None:
        a, b = self.runs(5, 0.0, 0.01, 0.0), self.runs(3, 0.0, 0.03, 0.0)
        found, welch = bootstrap.of_difference(*a, *b, paired=False), compare(0.5, 0.01, 5, 0.5, 0.03, 3)
        assert (found.seeds.low, found.seeds.high) == pytest.approx((welch.low, welch.high))
