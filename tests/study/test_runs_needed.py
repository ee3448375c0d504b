"""Runs needed: planned, as an interval, and what a number of runs can find; by simulation and at their limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from silktune.study.statistics import compare, holm, paired, runs_needed
from silktune.study.statistics.comparison import Comparison, Test
from silktune.study.statistics.runs_needed import interval, pairing_pays, planned, smallest_found

STUDIES = 20_000


def found(random: np.random.Generator, difference: float, n: int, test: Test, level: float) -> float:
    """The share of simulated studies in which a difference, in deviations, is found."""
    if test == "paired":
        p = stats.ttest_1samp(random.normal(difference, 1, (STUDIES, n)), 0, axis=1).pvalue
    else:
        a, b = random.normal(difference, 1, (STUDIES, n)), random.normal(0, 1, (STUDIES, n))
        p = stats.ttest_ind(a, b, axis=1, equal_var=False).pvalue
    return float(np.mean(p < level))


@pytest.mark.parametrize("test", ["Welch", "paired"])
@pytest.mark.parametrize(("difference", "tests"), [(1.0, 1), (1.0, 5), (2.0, 7)])
def test_planned_runs_have_their_power_at_holms_first_step(difference: float, tests: int, test: Test) -> None:
    n, random = planned(difference, tests, test), np.random.default_rng(3)
    assert n is not None
    assert 0.785 <= found(random, difference, n, test, 0.05 / tests) <= 0.9
    assert found(random, difference, n - 2, test, 0.05 / tests) < 0.785


@pytest.mark.parametrize("test", ["Welch", "paired"])
@pytest.mark.parametrize(("n", "tests"), [(3, 7), (5, 5), (10, 1)])
def test_the_smallest_difference_that_is_found(n: int, tests: int, test: Test) -> None:
    smallest = smallest_found(n, tests, test)
    assert found(np.random.default_rng(4), smallest, n, test, 0.05 / tests) == pytest.approx(0.8, abs=0.03)
    assert planned(smallest + 1e-3, tests, test) == n


def test_the_first_step_of_holms_is_the_level() -> None:
    assert holm([0.01 * runs_needed.level(7), *[0.9] * 6])[0] == pytest.approx(0.05 * 0.01)


@pytest.mark.parametrize("effect", [0.0, -0.0, math.nan])
def test_no_number_of_runs_finds_nothing(effect: float) -> None:
    with pytest.raises(ValueError, match="none can find it"):
        planned(effect, 3, "Welch")


def test_planned_runs_of_next_to_nothing_are_out_of_reach() -> None:
    assert planned(1e-5, 1, "Welch") is None
    assert planned(1e5, 1, "Welch") == 2
    assert math.isinf(smallest_found(1, 3, "Welch"))


def test_pairing_pays_where_both_tests_find_the_same() -> None:
    """Two rows whose differences deviate by √(2 (1 − r)): at the r that is said both tests find as much."""
    for n, tests in ((3, 1), (5, 1), (5, 5), (10, 5)):
        r = pairing_pays(n, tests)
        assert 0 < r < 1
        paired_finds = smallest_found(n, tests, "paired") * math.sqrt(2 * (1 - r))
        assert paired_finds == pytest.approx(smallest_found(n, tests, "Welch"))
    assert math.isnan(pairing_pays(1, 1))


class TestInterval:
    @pytest.mark.parametrize(("difference", "n"), [(0.7, 5), (1.5, 5), (1.5, 8)])
    @pytest.mark.parametrize("test", ["Welch", "paired"])
    def test_holds_the_number_in_95_of_100_studies(self, difference: float, n: int, test: Test) -> None:
        true = planned(difference, 3, test)
        assert true is not None
        random, held, studies = np.random.default_rng(6), 0, 300
        for _ in range(studies):
            known = interval(drawn(random, difference, n, test), n, 3)
            assert known is not None
            held += known[0] <= true <= (known[1] or math.inf)
        assert held / studies >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / studies)

    def test_has_an_upper_end_only_where_the_difference_is_found(self) -> None:
        random = np.random.default_rng(7)
        for _ in range(60):
            one = drawn(random, 1.5, 5, "Welch")
            known = interval(one, 5, 1)
            assert known is not None
            assert (known[1] is not None) == (one.p < 0.05)
            assert known[0] <= (known[1] or math.inf)

    def test_grows_with_the_number_of_tests(self) -> None:
        one = compare(2.5, 1, 5, 0, 1, 5)
        ends = [interval(one, 5, tests) for tests in (1, 4, 28)]
        assert ends == sorted(ends, key=lambda end: end or (0, 0))
        assert len(set(ends)) == 3

    def test_says_nothing_of_fewer_than_five_runs_or_no_test(self) -> None:
        assert interval(compare(2.5, 1, 4, 0, 1, 4), 4, 1) is None
        assert interval(compare(2.5, 0, 5, 0, 0, 5), 5, 1) is None

    @pytest.mark.parametrize("difference", [0.0, 1e-9, 1e-3, 1.0, 30.0, 1e3, 1e6])
    def test_is_there_for_any_difference(self, difference: float) -> None:
        for known in (
            interval(compare(difference, 1, 5, 0, 1, 5), 5, 4),
            interval(paired([difference + x for x in (0.1, -0.1, 0.2, 0.0, 0.1, 0.3)], [0.0] * 6), 6, 4),
        ):
            assert known is not None
            assert 2 <= known[0] <= (known[1] or math.inf)


def drawn(random: np.random.Generator, difference: float, n: int, test: Test) -> Comparison:
    """Of two rows, this many deviations apart: of single runs (Welch), or of the differences (paired)."""
    scale = 1.0 if test == "Welch" else math.sqrt(0.5)
    a, b = random.normal(difference, scale, n), random.normal(0, scale, n)
    if test == "paired":
        return paired(list(a), list(b))
    return compare(float(a.mean()), float(a.std(ddof=1)), n, float(b.mean()), float(b.std(ddof=1)), n)
