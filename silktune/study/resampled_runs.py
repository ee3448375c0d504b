"""The runs of a study on test sets drawn anew, from the predictions that they kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from silktune.errors import StudyError
from silktune.outcome import Parts, Scores
from silktune.study import bootstrap, predictions
from silktune.study.bootstrap import Draws, Uncertainty, Values
from silktune.study.paths import StudyPaths
from silktune.study.predictions import Predictions, again

OnDraws = Mapping[Parts, Values]
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Resampled:
    """Tested runs on the same draws."""

    records: int  # that are drawn from
    runs: Mapping[str, OnDraws]  # by trial; one that was tested before predictions were kept is not there


NOTHING = Resampled(0, {})


def resampled(tests: Mapping[str, Scores], paths: StudyPaths, data: str) -> Resampled:
    """The metrics of tested runs on the same test sets, drawn anew from all records that any of them was tested on.

    Args:
        tests: trial → the scores of its test.
        paths: the study's.
        data: the digest of its data set.

    Raises:
        StudyError: a file is torn, is of another data set, or gives other scores than its outcome.
    """
    files = {trial: path for trial in tests if (path := paths.predictions(trial)).exists()}
    if not files:
        return NOTHING
    draws = Draws(record for names in _in_threads(predictions.records, files.values()) for record in names)
    found = _in_threads(lambda trial: _of_run(trial, tests[trial], paths, data, draws), files)
    return Resampled(len(draws.records), dict(zip(files, found, strict=True)))


def _of_run(trial: str, scores: Scores, paths: StudyPaths, data: str, draws: Draws) -> OnDraws:
    path = paths.predictions(trial)
    found = Predictions.read(path, data)
    try:
        return draws.metrics(found, scores)
    except StudyError as error:
        raise StudyError(f"{path}: these predictions are not those of {trial}: {error}. {again(path)}") from error


def _in_threads(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Reading and multiplying hold no lock of Python."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(work, items))


def of_mean(tests: Mapping[str, Scores], found: Resampled) -> dict[Parts, Uncertainty]:
    """How sure the mean of each metric over tested runs is; nothing where one of them has no draws.

    A metric that is not defined for every run has none.
    """
    if not tests or not tests.keys() <= found.runs.keys():
        return {}
    metrics, runs = [scores.metrics() for scores in tests.values()], [found.runs[trial] for trial in tests]
    names = [parts for parts in runs[0] if all(parts in run for run in metrics)]
    return {parts: bootstrap.of_mean([run[parts] for run in metrics], [run[parts] for run in runs]) for parts in names}
