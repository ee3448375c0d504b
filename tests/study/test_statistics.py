"""The tests between rows against scipy, against formulas written out, against simulations, and at their limits."""

from __future__ import annotations

import itertools
import math
import random
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import special, stats

from silktune.study.statistics import Comparison, compare, comparison, correlation, holm, paired

P23_TABLE_4 = {  # F1 [%], mean and deviation over five runs
    "MTL": (28.6, 0.46),
    "MTL^fo": (32.6, 1.11),
    "MTL+R^sem": (30.5, 2.53),
    "MTL+R^all": (31.9, 2.45),
    "MTL^fo+R^sem": (31.4, 0.41),
    "MTL^fo+R^all": (33.6, 1.03),
}


def p23(a: str, b: str) -> Comparison:
    return compare(*P23_TABLE_4[a], 5, *P23_TABLE_4[b], 5)


@pytest.mark.parametrize(
    ("a", "b", "difference", "low", "high"),
    [
        ("MTL^fo+R^all", "MTL", 5.0, 0.0, 0.001),
        ("MTL^fo+R^all", "MTL^fo", 1.0, 0.175, 0.185),
        ("MTL^fo+R^all", "MTL+R^all", 1.7, 0.205, 0.215),
        ("MTL^fo+R^all", "MTL+R^sem", 3.1, 0.0485, 0.0495),
        ("MTL^fo+R^all", "MTL^fo+R^sem", 2.2, 0.0055, 0.0065),
        ("MTL^fo", "MTL", 4.0, 0.0005, 0.0015),
        ("MTL+R^all", "MTL", 3.3, 0.0375, 0.0385),
        ("MTL+R^sem", "MTL", 1.9, 0.165, 0.175),
    ],
)
def test_p23_table_4(a: str, b: str, difference: float, low: float, high: float) -> None:
    found = p23(a, b)
    assert found.difference == pytest.approx(difference)
    assert low <= found.p < high
    assert found.test == "Welch"
    assert (found.low <= 0 <= found.high) == (found.p >= 0.05)


def test_p23s_smallest_gap_needs_four_times_its_runs() -> None:
    needed = [p23("MTL^fo+R^all", "MTL^fo").runs_needed, compare(33.6, 1.11, 5, 32.6, 1.11, 5).runs_needed]
    assert all(n is not None and 18 <= n <= 21 for n in needed)


def test_p23s_correlation_of_gain_and_labelled_share() -> None:
    """§5.2: 93 % with p = 0.02 for MTL^fo+R^all, 87 % with p = 0.06 for MTL^fo."""
    labelled = [7.0, 73.1, 72.3, 58.0, 32.7]  # depiction, place, material, time, technique
    assert correlation([0.6, 5.9, 8.9, 7.1, 2.7], labelled) == pytest.approx((0.93, 0.02), abs=0.005)
    assert correlation([-0.7, 4.2, 8.8, 6.8, 1.2], labelled) == pytest.approx((0.87, 0.06), abs=0.006)
    nothing = (
        ([1, 2], [1, 2]),
        ([1, 1, 1], [1, 2, 3]),
        ([0.1 + 0.2, 0.3, 0.3], [1, 2, 3]),
        ([1, math.nan, 2], [1, 2, 3]),
    )
    assert all(math.isnan(number) for x, y in nothing for number in correlation(x, y))


MEANS = st.floats(-100, 100)
DEVIATIONS = st.floats(0.01, 100)
RUNS = st.integers(2, 30)


class TestWelch:
    @given(MEANS, DEVIATIONS, RUNS, MEANS, DEVIATIONS, RUNS)
    def test_as_scipy_has_it(self, m_a: float, s_a: float, n_a: int, m_b: float, s_b: float, n_b: int) -> None:
        found = compare(m_a, s_a, n_a, m_b, s_b, n_b)
        expected = stats.ttest_ind_from_stats(m_a, s_a, n_a, m_b, s_b, n_b, equal_var=False)
        assert found.p == pytest.approx(expected.pvalue, rel=1e-9)

    @given(MEANS, DEVIATIONS, RUNS, MEANS, DEVIATIONS, RUNS)
    def test_as_the_formula_has_it(self, m_a: float, s_a: float, n_a: int, m_b: float, s_b: float, n_b: int) -> None:
        found = compare(m_a, s_a, n_a, m_b, s_b, n_b)
        v_a, v_b = s_a * s_a / n_a, s_b * s_b / n_b
        df = (v_a + v_b) ** 2 / (v_a**2 / (n_a - 1) + v_b**2 / (n_b - 1))
        t_squared = (m_a - m_b) ** 2 / (v_a + v_b)
        assert found.p == pytest.approx(special.betainc(df / 2, 0.5, df / (df + t_squared)), rel=1e-6)
        half = special.stdtrit(df, 0.975) * math.sqrt(v_a + v_b)
        assert (found.low, found.high) == pytest.approx((m_a - m_b - half, m_a - m_b + half), rel=1e-6, abs=1e-9)

    @given(MEANS, DEVIATIONS, RUNS, MEANS, DEVIATIONS, RUNS)
    def test_the_other_way_round_it_says_the_opposite(
        self, m_a: float, s_a: float, n_a: int, m_b: float, s_b: float, n_b: int
    ) -> None:
        one, other = compare(m_a, s_a, n_a, m_b, s_b, n_b), compare(m_b, s_b, n_b, m_a, s_a, n_a)
        assert (other.difference, other.low, other.high) == pytest.approx((-one.difference, -one.high, -one.low))
        assert (other.p, other.runs_needed) == (pytest.approx(one.p), one.runs_needed)

    def test_of_a_single_run_has_a_difference_and_nothing_else(self) -> None:
        for n_a, n_b in ((1, 1), (1, 5), (5, 1)):
            found = compare(3.0, math.nan, n_a, 1.0, 0.0, n_b)
            assert found.difference == 2.0
            assert all(math.isnan(x) for x in (found.low, found.high, found.p))
            assert found.runs_needed is None

    @pytest.mark.parametrize(
        "arguments",
        [
            (3, 0, 5, 1, 0, 5),  # both sides constant
            (3, 0, 5, 3, 0, 5),
            (3, 0.2, 5, 1, 0, 5),  # one side
            (3, 0, 2, 1, 0.2, 9),
            (0.3, 5e-17, 5, 0.1, 0.02, 5),  # a deviation that is only rounding
            (0.0, 1e-17, 2, 0.5, 0.1, 2),
            (math.inf, 1, 5, 0, 1, 5),
            (0, math.inf, 5, 0, 1, 5),
        ],
    )
    def test_of_a_side_that_does_not_vary_is_no_test(
        self, arguments: tuple[float, float, int, float, float, int]
    ) -> None:
        found = compare(*arguments)
        assert all(math.isnan(number) for number in (found.low, found.high, found.p))
        assert (found.difference, found.runs_needed) == (arguments[0] - arguments[3], None)

    def test_of_what_varies_little_is_a_test_whatever_the_unit(self) -> None:
        one = compare(0.3, 1e-4, 5, 0.3001, 2e-4, 5)
        for unit in (1e-180, 1e-3, 1e180):
            found = compare(0.3 * unit, 1e-4 * unit, 5, 0.3001 * unit, 2e-4 * unit, 5)
            assert (found.p, found.runs_needed) == (pytest.approx(one.p), one.runs_needed)

    def test_of_equal_means_no_number_of_runs_separates(self) -> None:
        found = compare(1.0, 0.5, 5, 1.0, 0.7, 5)
        assert (found.p, found.runs_needed) == (1.0, None)
        assert found.low == pytest.approx(-found.high)

    def test_of_what_is_not_known_is_not_known(self) -> None:
        for arguments in ((math.nan, 1, 5, 0, 1, 5), (0, math.nan, 5, 0, 1, 5), (0, 1, 5, 0, math.nan, 5)):
            found = compare(*arguments)
            assert math.isnan(found.p)
            assert found.runs_needed is None

    @pytest.mark.parametrize(
        "arguments", [(0, -1, 5, 0, 1, 5), (0, 1, 5, 0, -0.1, 5), (0, math.nan, 5, 0, -1, 5), (0, 1, 0, 0, 1, 5)]
    )
    def test_refuses_what_no_sample_has(self, arguments: tuple[float, float, int, float, float, int]) -> None:
        with pytest.raises(ValueError, match=r"must be 1 or more, .* not negative"):
            compare(*arguments)

    def test_its_interval_holds_the_difference_in_95_of_100_studies(self) -> None:
        random_ = np.random.default_rng(0)
        held = []
        for _ in range(1500):
            a, b = random_.normal(2, 1, 5), random_.normal(0, 3, 7)
            found = compare(a.mean(), a.std(ddof=1), 5, b.mean(), b.std(ddof=1), 7)
            held.append(found.low <= 2 <= found.high)
        assert np.mean(held) == pytest.approx(0.95, abs=0.017)  # three standard errors


class TestPaired:
    @given(st.lists(st.tuples(MEANS, MEANS), min_size=2, max_size=12))
    def test_as_scipy_has_it(self, pairs: list[tuple[float, float]]) -> None:
        a, b = map(list, zip(*pairs, strict=True))
        differences = np.subtract(a, b)
        if np.ptp(differences) <= max(1e-6 * np.abs([a, b]).max(), 1e-100):
            return  # next to rounding, where scipy's p is inexact; what does not vary at all has tests of its own
        found, expected = paired(a, b), stats.ttest_rel(a, b)
        interval = expected.confidence_interval(0.95)
        assert found.p == pytest.approx(expected.pvalue, rel=1e-6)
        assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-6, abs=1e-9)
        assert found.test == "paired"

    def test_sees_what_all_seeds_share(self) -> None:
        a, b = [0.31, 0.36, 0.29, 0.40], [0.30, 0.345, 0.282, 0.388]
        assert paired(a, b).p < 0.01
        assert compare(float(np.mean(a)), 0.05, 4, float(np.mean(b)), 0.05, 4).p > 0.5

    @pytest.mark.parametrize(
        ("a", "b"),
        [
            ([0.3, 0.4], [0.3, 0.4]),  # the same runs
            ([1, 2, 3], [0, 1, 2]),  # all differences equal
            ([1.0, 1.0], [0.0, 0.0]),  # a class with one test image
            ([0.3, 0.4], [0.2, 0.3]),  # equal but for their rounding
            ([0.1 + 0.2, 0.3], [0.1, 0.1]),
            ([1e6 + 0.1, 1e6 + 0.2], [1e6, 1e6 + 0.1]),
            ([0.3, math.nan, 0.5], [0.1, 0.2, 0.1]),
            ([0.3, math.inf], [0.1, 0.2]),
        ],
    )
    @pytest.mark.filterwarnings("ignore:invalid value")  # numpy's, of infinity less infinity
    def test_of_differences_that_do_not_vary_is_no_test(self, a: list[float], b: list[float]) -> None:
        found = paired(a, b)
        assert all(math.isnan(number) for number in (found.low, found.high, found.p))
        assert (found.runs_needed, found.test) == (None, "paired")

    def test_one_class_image_seldom_right_never_has_a_p_of_0(self) -> None:
        """Two runs that find the only test image or not: no pair of outcomes says that anything is certain."""
        for a, b in itertools.product(itertools.product((0.0, 1.0), repeat=2), repeat=2):
            assert not paired(a, b).p < 0.05

    def test_of_one_pair_has_a_difference_and_nothing_else(self) -> None:
        found = paired([3], [1])
        assert (found.difference, found.runs_needed) == (2, None)
        assert math.isnan(found.p)

    @pytest.mark.parametrize(("a", "b"), [([], []), ([1, 2], [1])])
    def test_refuses_what_is_not_in_pairs(self, a: list[float], b: list[float]) -> None:
        with pytest.raises(ValueError, match="cannot be paired"):
            paired(a, b)


def found_in(p: NDArray[np.float64]) -> float:
    return float(np.mean(p < 0.05))


class TestRunsNeeded:
    """By simulation: 40 000 studies, a standard error of 0.002."""

    studies = 40_000

    @pytest.mark.parametrize(("difference", "s_a", "s_b"), [(1, 1.03, 1.11), (1, 1, 1), (2, 1, 3), (3, 1.5, 1.5)])
    def test_give_welchs_test_its_power(self, difference: float, s_a: float, s_b: float) -> None:
        needed = compare(difference, s_a, 5, 0, s_b, 5).runs_needed
        assert needed is not None
        random_ = np.random.default_rng(1)
        power = {}
        for n in (needed, needed - 2):
            a, b = random_.normal(difference, s_a, (self.studies, n)), random_.normal(0, s_b, (self.studies, n))
            power[n] = found_in(stats.ttest_ind(a, b, axis=1, equal_var=False).pvalue)
        assert 0.79 <= power[needed] <= 0.9
        assert power[needed - 2] < 0.79

    def test_give_the_paired_test_its_power(self) -> None:
        pair = [1 + 0.6, 1 - 0.6]  # mean 1, deviation 0.6·√2
        needed = paired(pair, [0, 0]).runs_needed
        assert needed is not None
        random_ = np.random.default_rng(2)
        power = [
            found_in(stats.ttest_1samp(random_.normal(1, 0.6 * math.sqrt(2), (self.studies, n)), 0, axis=1).pvalue)
            for n in (needed, needed - 2)
        ]
        assert 0.79 <= power[0] <= 0.9
        assert power[1] < 0.79

    @pytest.mark.parametrize(("difference", "s_a", "s_b"), [(0.05, 1, 1), (0.01, 0.5, 1), (0.02, 1, 0.1)])
    def test_are_those_of_the_normal_distribution_where_they_are_many(
        self, difference: float, s_a: float, s_b: float
    ) -> None:
        needed = compare(difference, s_a, 5, 0, s_b, 5).runs_needed
        z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
        assert needed == pytest.approx(z**2 * (s_a**2 + s_b**2) / difference**2, rel=1e-3, abs=3)

    def test_are_the_same_for_differences_up_and_down(self) -> None:
        assert compare(1, 1, 5, 0, 1, 5).runs_needed == compare(-1, 1, 5, 0, 1, 5).runs_needed

    def test_are_out_of_reach_for_next_to_nothing(self) -> None:
        assert compare(1e-5, 1, 5, 0, 1, 5).runs_needed is None

    def test_fall_from_out_of_reach_to_two_and_are_never_nan(self) -> None:
        ratios = [10 ** (exponent / 4) for exponent in range(-24, 25)]
        for s_b in (0.001, 0.01, 1.0):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                needed = [compare(ratio, 1, 5, 0, s_b, 5).runs_needed for ratio in ratios]
            numbers = [math.inf if n is None else n for n in needed]
            assert numbers == sorted(numbers, reverse=True)
            assert (numbers[0], numbers[-1]) == (math.inf, 2)

    def test_every_figure_is_finite_for_any_runs(self) -> None:
        for exponent, n in itertools.product(range(-6, 7), range(2, 51)):
            found = compare(10.0**exponent, 1, n, 0, 1, 52 - n)
            assert all(map(math.isfinite, (found.low, found.high, found.p)))
            assert 0 <= found.p <= 1

    def test_the_smallest_number_with_enough_power_is_found(self) -> None:
        for threshold in (2, 3, 4, 5, 17, 1000, 1001, 2**19):
            assert comparison.fewest(lambda n, least=threshold: float(n >= least)) == threshold
        assert comparison.fewest(lambda n: 0.0) is None


PS = st.lists(st.one_of(st.floats(0, 1), st.just(math.nan)), max_size=12)


class TestHolm:
    def test_written_out(self) -> None:
        # sorted: 0.005·4 = 0.02, 0.01·3 = 0.03, 0.03·2 = 0.06, 0.04·1 = 0.04 but not below the one before
        assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])

    def test_p23_against_mtl_plus_r_sem_is_lost_in_it(self) -> None:
        others = [name for name in P23_TABLE_4 if name != "MTL^fo+R^all"]
        adjusted = dict(zip(others, holm([p23("MTL^fo+R^all", name).p for name in others]), strict=True))
        assert adjusted["MTL+R^sem"] > 0.05 > adjusted["MTL^fo+R^sem"] > adjusted["MTL"]

    @given(PS)
    def test_never_lowers_a_p_keeps_their_order_and_stays_within_one(self, ps: list[float]) -> None:
        adjusted = holm(ps)
        assert [math.isnan(p) for p in adjusted] == [math.isnan(p) for p in ps]
        tested = sorted((p, q) for p, q in zip(ps, adjusted, strict=True) if not math.isnan(p))
        assert all(p <= q <= 1 for p, q in tested)
        assert [q for _, q in tested] == sorted(q for _, q in tested)

    @given(PS)
    def test_what_was_not_tested_does_not_count(self, ps: list[float]) -> None:
        tested = [p for p in ps if not math.isnan(p)]
        assert [p for p in holm(ps) if not math.isnan(p)] == holm(tested)

    @given(PS, st.randoms())
    def test_the_order_does_not_matter(self, ps: list[float], shuffle: random.Random) -> None:
        order = list(range(len(ps)))
        shuffle.shuffle(order)
        assert holm([ps[i] for i in order]) == pytest.approx([holm(ps)[i] for i in order], nan_ok=True)

    def test_of_nothing_and_of_one(self) -> None:
        assert holm([]) == []
        assert holm([0.03]) == [0.03]


def test_splits_that_share_images_say_less_than_other_data_would() -> None:
    """Two classifiers that are equal, on ten splits of one sample: what the sample happens to favour is in each split.

    Source: C. Nadeau, Y. Bengio, Machine Learning 52 (2003): the uncorrected test errs far too often.
    """
    rng, found = np.random.default_rng(7), np.zeros(2)
    tables, N, splits = 600, 60, 10
    for _ in range(tables):
        right = rng.random((2, N)) < 0.6  # which images either classifier finds
        test = np.stack([rng.permutation(N)[: N // 5] for _ in range(splits)])
        a, b = right[:, test].mean(axis=2).tolist()
        found += [paired(a, b).p < 0.05, paired(a, b, overlap=0.25).p < 0.05]
    assert found[0] / tables > 0.15
    assert found[1] / tables < 0.06
