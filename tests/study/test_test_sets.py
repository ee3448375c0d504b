"""Intervals over seeds, test sets and both in the tables of an ablation."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from silktune.errors import StudyError
from silktune.outcome import MEANS, Scores
from silktune.study import resampled_runs
from silktune.study.ablation import uncertainty
from silktune.study.ablation.results import Results
from silktune.study.bootstrap import Interval
from silktune.study.document.parts import Sheet
from silktune.study.interval_text import MISSING, NO_PREDICTIONS, explained, share_text
from silktune.study.paths import StudyPaths
from silktune.study.resampled_runs import Resampled
from silktune.study.table import csv_tables, test_sets
from silktune.study.table.ablation_sheets import sheets
from silktune.study.table.in_words import in_words
from tests.study.tables import FACTS, MULTI_TASK, multi_task, single_task

ALIKE, OWN = 0.01, 0.002  # what a draw of the test set does to all runs, and to each


def resample(tests: Mapping[str, Scores], without: str, of_row: float) -> Resampled:
    """Draws that move all runs alike, those of each row alike, and each run a little."""
    chance, B = np.random.default_rng(0), 2000
    alike, rows = ALIKE * chance.standard_normal(B), {trial.rpartition("-run")[0] for trial in tests}
    moved = {row: alike + of_row * chance.standard_normal(B) for row in sorted(rows)}
    runs = {
        trial: {
            parts: value + moved[trial.rpartition("-run")[0]] + OWN * chance.standard_normal(B)
            for parts, value in scores.metrics().items()
            if len(parts) < 3
        }
        for trial, scores in tests.items()
        if not trial.startswith(without)
    }
    return Resampled(130, runs)


def results(without: str = "none", made: Results | None = None, of_row: float = 0.0) -> Results:
    made = made or multi_task()
    return Results(made.table, made.facts, made.outcomes, partial(resample, without=without, of_row=of_row))


def sheet(found: Results) -> Sheet:
    return next(one for one in sheets(found) if one.name == "test-sets")


def test_every_row_has_its_mean_and_three_intervals() -> None:
    made = sheet(results())
    assert made.columns == ("experiment", "F1", "over seeds", "over test sets", "over both")
    assert [row[0].text for row in made.rows] == list(MULTI_TASK.lines)
    first = [cell.text for cell in made.rows[0]]
    mean = uncertainty.of_mean(results(), MULTI_TASK.rows[0], "mean_f1")
    assert mean is not None
    assert first[1] == f"{100 * mean.value:.1f}"
    assert first[3] == f"[{100 * mean.test_set.low:.1f}, {100 * mean.test_set.high:.1f}]"
    assert mean.test_set.high - mean.value == pytest.approx(1.96 * np.hypot(ALIKE, OWN / 5**0.5), rel=0.05)
    assert "500 draws of the 130 records" in made.notes[0]
    assert len(made.notes) == 1


def test_what_the_draw_does_to_both_rows_does_not_count_in_their_difference() -> None:
    found = results()
    row, reference = MULTI_TASK.rows[1], MULTI_TASK.row(MULTI_TASK.reference)
    difference, comparison = (
        uncertainty.of_difference(found, row, reference, "mean_f1"), found.compare(row, reference, "mean_f1")
    )  # fmt: skip
    assert difference is not None
    assert comparison is not None
    assert difference.value == pytest.approx(comparison.difference)
    assert (difference.seeds.low, difference.seeds.high) == pytest.approx((comparison.low, comparison.high))
    assert difference.test_set.high - difference.value == pytest.approx(1.96 * OWN * (2 / 5) ** 0.5, rel=0.1)


def test_every_difference_has_its_intervals_beside_that_over_seeds() -> None:
    made = [one for one in sheets(results()) if one.name.startswith("differences-")]
    assert [one.name for one in made] == [f"differences-{mean}" for mean in MEANS]
    assert all(one.columns[2:5] == ("95 % CI", "over test sets", "over both") for one in made)
    assert all("–" not in [cell.text for cell in row[2:5]] for one in made for row in one.rows)
    assert made[0].notes[-1] == f"95 % CI and p: over seeds. {explained(130)}"


def test_a_difference_that_another_test_set_may_undo_is_told_so() -> None:
    sure, unsure = (in_words(results(of_row=deviation)) for deviation in (0.0, 0.05))
    assert "more than chance. That holds for other objects of the same kind too." in sure[0]
    assert re.search(
        r"more than chance\. On other objects of the same kind it may be anything from .+ better\.", unsure[0]
    )


def test_a_row_is_not_compared_with_itself() -> None:
    reference = MULTI_TASK.row(MULTI_TASK.reference)
    assert uncertainty.of_difference(results(), reference, reference, "mean_f1") is None


def test_a_row_of_which_a_run_kept_no_predictions_has_no_interval() -> None:
    made = sheet(results(without=MULTI_TASK.trial(MULTI_TASK.rows[1], 2).id))
    assert [cell.text for cell in made.rows[1][1:]] == ["–"] * 4
    assert "–" not in [cell.text for cell in made.rows[0]]
    assert made.notes[1] == MISSING


def test_no_metric_is_said_to_be_less_than_nothing() -> None:
    assert share_text(Interval(-0.02, 0.289)) == "[0.0, 28.9]"
    assert share_text(Interval(0.9, 1.01)) == "[90.0, 100.0]"
    assert share_text(Interval(float("nan"), float("nan"))) == share_text(None) == "–"


def test_without_any_predictions_there_is_no_sheet_and_a_sentence_says_why() -> None:
    old = multi_task()
    assert "test-sets" not in [one.name for one in sheets(old)]
    assert test_sets.notes(old) == [NO_PREDICTIONS]
    assert test_sets.notes(Results(MULTI_TASK, FACTS, {})) == []


def test_of_single_task_networks_every_variable_has_its_rows() -> None:
    made = sheet(results(made=single_task()))
    assert made.columns[:3] == ("variable", "experiment", "F1")
    assert len(made.rows) == len(single_task().table.rows)


def test_all_intervals_are_in_a_file_unrounded() -> None:
    lines = list(csv.DictReader(io.StringIO(csv_tables.intervals_csv(results()))))
    means = [line for line in lines if not line["reference"]]
    assert len(means) == len(MULTI_TASK.rows) * (4 + 4 * len(FACTS.variables))
    assert len(lines) == len(means) + (len(MULTI_TASK.rows) - 1) * (4 + 4 * len(FACTS.variables))
    mean = uncertainty.of_mean(results(), MULTI_TASK.rows[0], ("place", "OA"))
    assert mean is not None
    line = next(one for one in means if (one["row"], one["variable"], one["metric"]) == ("MTL", "place", "OA"))
    assert [line["value"], line["both_low"]] == [repr(mean.value), repr(mean.both.low)]


def test_a_torn_file_of_predictions_ends_a_table_with_a_sentence(tmp_path: Path) -> None:
    made, paths = multi_task(), StudyPaths(tmp_path)
    trial = MULTI_TASK.trial(MULTI_TASK.rows[0], 1).id
    paths.predictions(trial).parent.mkdir()
    paths.predictions(trial).write_bytes(b"PAR1 and no more")
    found = Results(
        made.table, made.facts, made.outcomes, partial(resampled_runs.resampled, paths=paths, data=FACTS.digest)
    )
    with pytest.raises(StudyError, match=rf"{trial}\.parquet: these predictions cannot be read"):
        sheets(found)
