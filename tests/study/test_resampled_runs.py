"""Runs on test sets drawn anew, from a study's files; and how often the intervals hold."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.coverage import Case, simulate
from silktune.errors import StudyError
from silktune.outcome import Scores
from silktune.study import resampled_runs
from silktune.study.paths import StudyPaths
from tests.study.runs import DATA, run


@pytest.fixture
def paths(tmp_path):
    made = StudyPaths(tmp_path / "study")
    (made.folder / "outcomes").mkdir(parents=True)
    return made


def with_predictions(paths: StudyPaths, *seeds: int) -> dict[str, Scores]:
    """Runs of which the study has predictions."""
    found = {f"row-run{seed}": run(seed) for seed in seeds}
    for name, (predictions, _) in found.items():
        paths.predictions(name).write_bytes(predictions.content())
    return {name: scores for name, (_, scores) in found.items()}


def test_the_mean_of_every_metric_has_its_intervals(paths: StudyPaths) -> None:
    tests = with_predictions(paths, 1, 2, 3)
    found = resampled_runs.of_mean(tests, resampled_runs.resampled(tests, paths, DATA))
    mean = found[("mean_f1",)]
    assert mean.value == pytest.approx(np.mean([scores.mean_f1 for scores in tests.values()]))
    assert mean.both.low < mean.test_set.low < mean.value < mean.test_set.high < mean.both.high
    assert {("OA",), ("place", "f1"), ("time", "OA")} < found.keys()


def test_the_answer_is_always_the_same(paths: StudyPaths) -> None:
    tests = with_predictions(paths, 1, 2)
    first, again = (resampled_runs.of_mean(tests, resampled_runs.resampled(tests, paths, DATA)) for _ in range(2))
    assert first == again


def test_runs_of_before_predictions_were_kept_have_none(paths: StudyPaths) -> None:
    tests = with_predictions(paths, 1, 2)
    paths.predictions("row-run2").unlink()
    drawn = resampled_runs.resampled(tests, paths, DATA)
    assert list(drawn.runs) == ["row-run1"]
    assert resampled_runs.of_mean(tests, drawn) == {}
    assert not resampled_runs.resampled({"another": run(1)[1]}, paths, DATA).runs


def test_predictions_of_another_run_are_refused(paths: StudyPaths) -> None:
    tests = with_predictions(paths, 1, 2)
    paths.predictions("row-run2").write_bytes(paths.predictions("row-run1").read_bytes())
    sentence = (
        r"row-run2.parquet: these predictions are not those of row-run2: their mean_f1 is .* in the outcome\. Delete"
    )
    with pytest.raises(StudyError, match=sentence):
        resampled_runs.resampled(tests, paths, DATA)


def test_the_interval_for_both_holds_where_that_over_seeds_does_not() -> None:
    """A short form of `benchmarks.coverage`: a small test set with P23's shares of classes, five runs."""
    case = Case(images_per_record=2, seeds=0.1, share=0.02)
    mean, difference, _ = simulate(case, repetitions=150, seed=3, runs=(5,), draws=100)
    assert (mean.question, difference.question) == ("mean", "difference, Welch")
    assert mean.seeds < 0.75  # what tables said before
    assert mean.both > 0.88  # 0.93 in the long form: 0.88 is 2.4 deviations of 150 repetitions below
    assert difference.both > 0.88
    assert 0.7 < mean.of_test_set / mean.deviation < 1.1
