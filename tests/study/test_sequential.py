"""Rows that stop when they are decided: levels against published ones, and errors by simulation in a short form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from benchmarks.simulated_tables import Kind
from benchmarks.until_decided import APART, error, fixed
from silktune.study.statistics import sequential
from silktune.study.statistics.comparison import Test
from silktune.study.statistics.sequential import FIRST_LOOK, FOUND, GIVEN_UP, OPEN, decide, levels, nominal

TABLES = 2000
MARGIN = 3 * math.sqrt(0.05 * 0.95 / TABLES)  # three standard errors of a share
FIFTHS = np.arange(1, 6) / 5
WELCH_AND_PAIRED: list[Test] = ["Welch", "paired"]


def test_bounds_are_those_of_lan_and_demets() -> None:
    """Two-sided, 5 %, five looks: J. Reboussin, D. DeMets, K. Kim, K. Lan, Controlled Clinical Trials 21 (2000)."""
    obrien_fleming = 4 * stats.norm.sf(stats.norm.ppf(1 - 0.0125) / np.sqrt(FIFTHS))
    z = stats.norm.isf(nominal(FIFTHS, obrien_fleming) / 2)
    assert z == pytest.approx([4.877, 3.357, 2.680, 2.290, 2.031], abs=2e-3)
    pocock = 0.05 * np.log(1 + (math.e - 1) * FIFTHS)
    z = stats.norm.isf(nominal(FIFTHS, pocock) / 2)
    assert z == pytest.approx([2.438, 2.427, 2.410, 2.397, 2.386], abs=2e-3)


@pytest.mark.parametrize("at_most", [4, 20, 100])
def test_a_single_look_is_that_of_its_share_and_all_spend_their_level(at_most: int) -> None:
    found = levels(0.05, at_most)
    assert len(found) == at_most - FIRST_LOOK + 1
    assert found[0] == pytest.approx(0.05 * (FIRST_LOOK / at_most) ** 2, rel=0.02)
    steps = np.random.default_rng(1).standard_normal((100_000, at_most)).cumsum(1)
    z = steps / np.sqrt(np.arange(1, at_most + 1))
    passed = (2 * stats.norm.sf(np.abs(z[:, FIRST_LOOK - 1 :])) <= found).any(1)
    assert passed.mean() == pytest.approx(0.05, abs=0.0025)


@pytest.mark.parametrize("test", WELCH_AND_PAIRED)
@pytest.mark.parametrize("deviations", ["equal", "unequal"])
@pytest.mark.parametrize(("rows", "most"), [(1, 5), (3, 10), (7, 10), (7, 20), (15, 5)])
def test_of_rows_that_equal_the_reference_none_is_found_in_95_of_100_tables(
    rows: int, most: int, deviations: str, test: Test
) -> None:
    assert error(Kind(rows + 1, most, 0.5, deviations), TABLES, test) <= 0.05 + MARGIN
    assert error(Kind(rows + 1, most, 0.0, deviations), TABLES, test, differ=rows // 2) <= 0.05 + MARGIN


def test_needs_fewer_runs_than_a_fixed_number_with_the_same_power() -> None:
    """Eight rows, four of which are better by one deviation; with 36 at most, a third of 26 of each is saved."""
    x = Kind(9, 36).draw(TABLES, np.random.default_rng(1), better=dict.fromkeys(range(1, 5), 1.0))
    one = decide(x, 36)
    assert (one.state[:, :4] == FOUND).mean() >= fixed(x[..., :26])[:, :4].mean() - 0.02
    runs = one.runs.sum(-1) + one.runs.max(-1)
    assert runs.mean() < 0.7 * 26 * 9


@pytest.mark.parametrize("test", WELCH_AND_PAIRED)
def test_what_was_decided_does_not_change_with_later_runs(test: Test) -> None:
    x = Kind(5, 12, 0.4).draw(200, np.random.default_rng(4), better={1: 2.0})
    whole = decide(x, 12, test)
    for n in (3, 5, 8):
        early = decide(x[..., :n], 12, test)
        done = early.state != OPEN
        assert (early.runs <= n).all()
        for name in ("state", "runs", "difference", "half", "p"):
            assert (getattr(whole, name)[done] == getattr(early, name)[done]).all()
        assert ((whole.runs > n) == ~done).all()


@pytest.mark.parametrize("test", WELCH_AND_PAIRED)
def test_a_found_row_has_an_interval_that_leaves_out_nothing_and_is_wider_than_that_of_a_fixed_number(
    test: Test,
) -> None:
    x = Kind(4, 10).draw(300, np.random.default_rng(5), better={1: 3.0, 2: -3.0})
    one = decide(x, 10, test)
    found = one.state == FOUND
    assert found[:, :2].mean() > 0.6
    assert (np.abs(one.difference)[found] > one.half[found]).all()
    assert (one.difference[:, 1][found[:, 1]] < 0).all()
    given_up = (one.state == GIVEN_UP) & (one.runs < 10)
    assert (np.abs(one.difference)[given_up] < one.half[given_up]).all()


def test_a_row_that_is_found_leaves_its_level_to_the_others() -> None:
    """Beside two rows that are found at once a row is found more often than beside two that are not."""
    x = Kind(4, 8).draw(500, np.random.default_rng(0), better={1: 2.0})
    alone = decide(x, 8).state[:, 0] == FOUND
    x[:, 2:] += 10 * APART
    beside = decide(x, 8).state[:, 0] == FOUND
    assert not (alone & ~beside).any()
    assert beside.sum() > alone.sum() + 20


def test_a_row_waits_for_its_missing_run_and_all_wait_for_the_references() -> None:
    x = Kind(4, 8).draw(1, np.random.default_rng(2), better={1: APART, 2: APART})
    whole = decide(x, 8)
    holed = x.copy()
    holed[0, 2, 2] = np.nan
    one = decide(holed, 8)
    assert (one.state[0, 1], one.runs[0, 1]) == (OPEN, 0)
    assert one.state[0, 0] == whole.state[0, 0] == FOUND
    assert math.isnan(one.difference[0, 1])
    holed[0, 0, 4] = np.nan
    assert decide(holed, 8).runs.max() <= 4


def test_runs_that_do_not_vary_show_nothing() -> None:
    x = np.zeros((1, 3, 6))
    x[0, 1] = 0.5
    x[0, 2] = np.random.default_rng(0).standard_normal(6)
    one = decide(x, 6)
    assert FOUND not in one.state
    assert (one.runs == 6).all()


def test_a_row_is_given_up_where_the_last_run_would_hardly_find_a_difference() -> None:
    x = Kind(2, 30).draw(TABLES, np.random.default_rng(9))
    early = decide(x, 30)
    stopped = (early.state == GIVEN_UP) & (early.runs < 30)
    assert stopped.mean() > 0.8
    reached = 2 * stats.t.sf(np.abs(_t(x[stopped[:, 0]])), 29) < levels(0.05, 30)[-1]
    assert reached.mean() < sequential.HARDLY / 2


def _t(x: np.ndarray) -> np.ndarray:
    error = np.sqrt(x.var(-1, ddof=1).sum(-1) / x.shape[-1])
    return np.asarray((x[:, 1].mean(-1) - x[:, 0].mean(-1)) / error)
