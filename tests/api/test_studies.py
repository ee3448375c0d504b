"""A study is opened without changing it, whatever state it is in."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

import silktune
from silktune.api.studies import AblationStudy, SearchStudy
from silktune.api.tables import write_tables
from silktune.errors import StudyError
from silktune.study import search_report
from silktune.study.document import markdown
from silktune.study.paths import StudyPaths
from tests.api.conftest import Here
from tests.api.test_search import Stops

pytestmark = pytest.mark.timeout(120)


def everything(folder: Path) -> dict[Path, tuple[bytes, int]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 3
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in [*files]}


def opened(folder: Path) -> SearchStudy | AblationStudy:
    """Opened, and every byte is what it was."""
    before = everything(folder)
    study = silktune.open_study(folder)
    assert everything(folder) == before
    return study


def test_a_finished_search(searched: SearchStudy) -> None:
    study = opened(searched.folder)
    assert isinstance(study, SearchStudy)
    pd.testing.assert_frame_equal(study.trials, searched.trials)
    pd.testing.assert_frame_equal(study.test, searched.test)
    assert (study.state, study.winner, study.page) == ("finished", searched.winner, "")


def test_a_search_that_is_opened_again_says_all_that_its_end_said(searched: SearchStudy) -> None:
    study = opened(searched.folder)
    assert isinstance(study, SearchStudy)
    assert study.report
    assert searched.report
    assert study.report.sureness() == searched.report.sureness()
    assert re.search(r"over seeds, \[.+\] over test sets, \[.+\] over both", study.report.sureness()[0])
    written = StudyPaths(searched.folder).report.read_text(encoding="utf-8")
    assert markdown.written(search_report.document(study.report)) == written


def test_the_report_of_a_search_is_written_again(searched: SearchStudy) -> None:
    paths = StudyPaths(searched.folder)
    files = {path: path.read_bytes() for path in (paths.report, paths.trials_table, paths.winner)}
    paths.report.write_text("torn", encoding="utf-8")
    assert isinstance(write_tables(searched.folder), SearchStudy)
    assert {path: path.read_bytes() for path in files} == files
    with pytest.raises(StudyError, match=r"--reference MTL: .+ is a search"):
        write_tables(searched.folder, "MTL")


def test_a_finished_ablation(ablated: AblationStudy) -> None:
    study = opened(ablated.folder)
    assert isinstance(study, AblationStudy)
    for name in ("table", "runs", "comparisons", "metrics"):
        pd.testing.assert_frame_equal(getattr(study, name), getattr(ablated, name))
    assert study.state == "finished"


@pytest.mark.usefixtures("undrawn")
def test_an_interrupted_ablation(here: Here) -> None:
    with pytest.raises(KeyboardInterrupt):
        here.ablate(name="interrupted", progress=Stops("MTL-run2"))
    study = opened(here.folder / "runs" / "interrupted")
    assert isinstance(study, AblationStudy)
    assert (study.state, len(study.runs)) == ("interrupted", 2)
    assert list(study.table["runs"]) == [1, 1]
    here.ablate(name="interrupted")
    assert silktune.open_study(study.folder).state == "finished"


def test_an_interrupted_search_before_its_first_trial_is_done(here: Here) -> None:
    with pytest.raises(KeyboardInterrupt):
        here.search(name="early", progress=Stops("t000"))
    study = opened(here.folder / "runs" / "early")
    assert isinstance(study, SearchStudy)
    assert (study.state, list(study.trials["state"]), study.winner) == ("interrupted", ["interrupted"], None)
    assert len(study.test) == 0
    assert study.report is None
    with pytest.raises(StudyError, match="no trial of this search has finished yet"):
        write_tables(study.folder)
    assert "<table" in study._repr_html_()


class Looks(silktune.Progress):
    """Opens the study while it runs, as another process would."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.seen = folder, []

    def epoch(self, trial: object, epoch: object) -> None:
        self.seen.append(silktune.open_study(self.folder))


@pytest.mark.usefixtures("undrawn")
def test_a_running_study(here: Here) -> None:
    progress = Looks(here.folder / "runs" / "running")
    here.search(name="running", final_runs=1, progress=progress)
    first, second, final = progress.seen
    assert [study.state for study in progress.seen] == ["running"] * 3
    assert list(first.trials["state"]) == ["running"]
    assert list(second.trials["state"]) == ["finished", "running"]
    assert final.winner is not None
    assert final.report
    assert final.report.tests == []
    assert "| **mean** | **–** |" in markdown.written(search_report.document(final.report))
    rows = Looks(here.folder / "runs" / "rows-running")
    here.ablate(name="rows-running", runs=1, progress=rows)
    assert [len(study.runs) for study in rows.seen] == [0, 1]
    assert {study.state for study in rows.seen} == {"running"}
    assert not StudyPaths(rows.folder).is_locked()


@pytest.mark.parametrize("content", [None, "{}"])
def test_what_is_no_study(content: str | None, tmp_path: Path) -> None:
    if content:
        (tmp_path / "plan.json").write_text(content, encoding="utf-8")
    with pytest.raises(StudyError, match="is no"):
        silktune.open_study(tmp_path)
