"""The tables and figures of an ablation, made again from its outcomes."""

from __future__ import annotations

from pathlib import Path

from silktune.api import studies
from silktune.api.studies import AblationStudy
from silktune.study import ablation_folder
from silktune.study.paths import StudyPaths


def write_tables(folder: str | Path, reference: str | None = None) -> AblationStudy:
    """Make every table and figure of an ablation again from its outcomes; nothing is trained.

    Args:
        folder: the study's.
        reference: the row to compare with; None: the table's.

    Raises:
        StudyError: it is no ablation, or has no such row.
    """
    paths = StudyPaths(Path(folder))
    results = ablation_folder.results(paths, reference or "")
    ablation_folder.publish(results, paths, figures=True)
    return studies.of_ablation(paths, results)
