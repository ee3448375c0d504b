"""The report of a search from what its folder holds: at its end, and whenever it is opened again."""

from __future__ import annotations

from collections.abc import Mapping

from silktune.orchestrate.sampler import SearchedTrials
from silktune.outcome import Outcome
from silktune.study import resampled_runs
from silktune.study.baselines import Baselines
from silktune.study.paths import StudyPaths
from silktune.study.search_report import SearchReport
from silktune.study.selection import Choice


def searched_report(
    searched: SearchedTrials, paths: StudyPaths, data: str, question: str, *, outcomes: Mapping[str, Outcome],
    fresh: Mapping[str, Outcome], choice: Choice, finals: Mapping[str, Outcome], baselines: Baselines,
) -> SearchReport:  # fmt: skip
    """Everything that is said of a search; the winner's intervals and the importances are computed here.

    Args:
        searched: its trials.
        paths: the study's.
        data: the digest of its data set.
        question: of its space.
        outcomes: of the trials that have ended.
        fresh: the runs that confirm leading trials.
        choice: of the winner, among both.
        finals: the winner's test runs.
        baselines: on the same test images.

    Raises:
        StudyError: a file of predictions is damaged, or is of another run.
    """
    tests = {name: outcome.test for name, outcome in finals.items() if outcome.test}
    return SearchReport(
        name=paths.folder.name, question=question,
        trials={name: (searched.trials[name], outcome) for name, outcome in outcomes.items()}, choice=choice,
        fresh=fresh, searched=[dimension.name for dimension in searched.space.dimensions], finals=finals,
        baselines=baselines, importances=searched.importances(),
        resampled=resampled_runs.resampled(tests, paths, data),
    )  # fmt: skip
