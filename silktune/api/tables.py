"""The tables and figures of an ablation, or the report of a search, made again from the outcomes."""

from __future__ import annotations

from pathlib import Path

from silktune.api import studies
from silktune.api.studies import AblationStudy, SearchStudy
from silktune.errors import StudyError
from silktune.study import ablation_folder, search_report
from silktune.study import plan as plans
from silktune.study.paths import StudyPaths
from silktune.study.plan import SearchPlan


def write_tables(folder: str | Path, reference: str | None = None) -> AblationStudy | SearchStudy:
    """Make every table and figure of an ablation, or the report of a search, again; nothing is trained.

    Args:
        folder: the study's.
        reference: the row to compare with; None: the table's.

    Raises:
        StudyError: it is no study, has no such row, or is a search of which no trial has finished.
    """
    paths = StudyPaths(Path(folder))
    if paths.plan.exists() and isinstance(plan := plans.read(paths), SearchPlan):
        return _write_report(paths, plan, reference)
    results = ablation_folder.results(paths, reference or "")
    ablation_folder.publish(results, paths, figures=True)
    return studies.of_ablation(paths, results)


def _write_report(paths: StudyPaths, plan: SearchPlan, reference: str | None) -> SearchStudy:
    if reference:
        raise StudyError(f"--reference {reference}: {paths.folder} is a search, which has no rows to compare.")
    study = studies.of_search(paths, plan)
    if not study.report:
        raise StudyError(f"{paths.folder}: no trial of this search has finished yet. The same command goes on with it.")
    search_report.write(study.report, paths)
    return study
