"""Who wins a search."""

from silktune.study.selection import ranked
from tests.outcomes import outcome


def test_the_largest_validation_f1_wins_and_of_equals_the_first() -> None:
    outcomes = {"t003": outcome(0.3), "t001": outcome(0.2), "t002": outcome(0.3), "t000": outcome(0.1)}
    assert ranked(outcomes) == ["t002", "t003", "t001", "t000"]


def test_of_equals_the_first_wins_beyond_a_thousand_trials() -> None:
    assert ranked({"t1000": outcome(0.3), "t101": outcome(0.3)}) == ["t101", "t1000"]


def test_test_scores_do_not_count() -> None:
    assert ranked({"t000": outcome(0.1, test=0.9), "t001": outcome(0.2, test=0.1)}) == ["t001", "t000"]


def test_pruned_and_failed_ones_never_win() -> None:
    outcomes = {"t000": outcome(0.9, state="pruned"), "t001": outcome(0.8, state="failed"), "t002": outcome(0.1)}
    assert ranked(outcomes) == ["t002"]
    assert ranked({"t000": outcome(0.9, state="failed")}) == []
    assert ranked({}) == []
