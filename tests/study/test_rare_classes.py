"""What the report of a search says of rare classes."""

from __future__ import annotations

import numpy as np
import pytest

from silktune.core import metrics
from silktune.data.variables import Variable
from silktune.outcome import Scores
from silktune.study import rare_classes

PLACE = Variable("place", ("GB", "FR", "IT"), (80, 12, 8), background=1)
TIME = Variable("time", ("19th", "18th"), (50, 50), background=0)
TRUTH = np.array([[0, 0]] * 8 + [[1, 1]] * 3 + [[2, 0]] * 2 + [[3, -1]])


def scored(*places: int) -> Scores:
    """Scores of images of which time is always known, and place is said to be …"""
    predicted = np.stack([places, np.maximum(TRUTH[:, 1], 0)], axis=1)
    return metrics.scores(TRUTH, predicted, (PLACE, TIME))


GOOD = scored(*[0] * 8, 1, 1, 0, 2, 1, 3)
POOR = scored(*[0] * 8, 1, 1, 0, 1, 1, 3)


def test_rare_classes_stand_beside_the_others() -> None:
    overall, place = rare_classes.sentences([GOOD, POOR], {"t0": [GOOD]})
    rare = (np.mean([2 / 3, 4 / 7]) + np.mean([2 / 3, 0])) / 2
    assert overall == (
        "Classes with less than a K-th of the labels of a variable of K classes reach F1 "
        f"{100 * rare:.1f} on average, the others 94.1."
    )
    assert place == (
        f"place: F1 {100 * rare:.1f} for the 2 rare of 3 classes, 94.1 for the others; the hardest is IT with 33.3 "
        "(2 test images, most often taken for FR)."
    )


def test_a_class_that_no_run_finds_is_named() -> None:
    _, place = rare_classes.sentences([POOR], {"t0": [POOR]})
    assert place.endswith("; IT is never found (2 test images, most often taken for FR).")


def test_a_class_without_a_mistake_is_taken_for_no_other() -> None:
    perfect = scored(*TRUTH[:, 0])
    _, place = rare_classes.sentences([perfect], {"t0": [perfect]})
    assert place.endswith("the hardest is FR with 100.0 (3 test images).")


def test_the_trial_that_does_better_on_them_is_named() -> None:
    rare = scored(*[1] * 4, *[0] * 4, 1, 1, 1, 2, 2, 3)
    frequent = scored(*[0] * 8, 1, 1, 1, 2, 1, 3)
    *_, last = rare_classes.sentences([GOOD], {"t2": [frequent], "t1": [rare], "t0": [POOR]})
    assert last == (
        "On the validation set trial t1 does better on rare classes than the winner, t2: F1 80.0 instead of 76.2, "
        "with a mean F1 of 87.8 instead of 92.1."
    )
    said = rare_classes.sentences([GOOD], {"t2": [frequent], "t0": [POOR]})
    assert len(said) == 2  # the winner is the best


def test_trials_are_compared_over_the_runs_that_they_were_chosen_by() -> None:
    """A single run of a trial does better than all of the winner's, but not its mean."""
    rare = scored(*[1] * 4, *[0] * 4, 1, 1, 1, 2, 2, 3)
    better = rare_classes.sentences([GOOD], {"t0": [GOOD, GOOD], "t1": [rare, rare]})
    lucky = rare_classes.sentences([GOOD], {"t0": [GOOD, GOOD], "t1": [rare, POOR]})
    assert (len(better), len(lucky)) == (3, 2)


@pytest.mark.parametrize("tests", [[], [scored(*TRUTH[:, 0])]])
def test_nothing_is_said_where_nothing_can_be_compared(tests: list[Scores]) -> None:
    none_rare = [s.model_copy(update={"variables": s.variables[1:]}) for s in tests]
    assert rare_classes.sentences(none_rare, {"t0": [GOOD]}) == ()
