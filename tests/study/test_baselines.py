"""What needs no network, kept beside a study and printed below its table."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from silktune.api import studies
from silktune.cli.terminal import ablation_tables
from silktune.study.ablation.results import Results
from silktune.study.baselines import NO_BASELINES, Baseline, Baselines
from silktune.study.document import markdown
from silktune.study.paths import StudyPaths
from silktune.study.table import ablation_document
from silktune.study.table.ablation_sheets import sheets
from tests.outcomes import scores
from tests.study.tables import multi_task

FOUND = Baselines(key="0", found=(Baseline(name="largest class", scores=scores(0.25)),), missing=("No features.",))


def test_they_are_read_as_they_were_written(tmp_path: Path) -> None:
    FOUND.write(tmp_path / "baselines.json")
    assert Baselines.read(tmp_path / "baselines.json") == FOUND
    (tmp_path / "other.json").write_text('{"form": 7}', encoding="utf-8")
    assert Baselines.read(tmp_path / "other.json") == Baselines.read(tmp_path / "nowhere.json") == NO_BASELINES


def table(splits: int = 1, metric: str = "mean_f1", baselines: Baselines = FOUND) -> Results:
    made = multi_task()
    asked = made.table.model_copy(update={"splits": splits, "metric": metric})
    return Results(asked, made.facts, made.outcomes, baselines=baselines)


@pytest.mark.parametrize("splits", [1, 2])
def test_a_table_has_them_in_every_output_and_says_of_which_split_they_are(splits: int) -> None:
    results = table(splits)
    made = sheets(results)
    screen = Console(file=io.StringIO(), width=200, emoji=False)
    ablation_tables.ablation(screen, studies.of_ablation(StudyPaths(Path("nowhere")), results))
    title = "Without a network, on the same test images: F1"
    for written, row in (
        (markdown.written(ablation_document.document(results, made)), "| largest class | 25.0 | 25.0 |"),
        (ablation_document.latex(results, made), "largest class & 25.0 & 25.0 \\\\"),
        (screen.file.getvalue(), "largest class  25.0   25.0"),
    ):
        below = written.partition(title)[2]
        assert row in below
        assert "No features." in below
        assert ("On the first of the splits." in below) is (splits == 2)


def test_they_are_compared_in_the_metric_that_the_table_judges() -> None:
    made = next(sheet for sheet in sheets(table(metric="OA")) if sheet.name == "baselines")
    assert made.title.endswith(": OA [%]")
    assert [cell.text for cell in made.rows[0]] == ["largest class", "50.0", "50.0"]


def test_a_table_without_them_has_no_sheet_of_them() -> None:
    assert not any(sheet.name == "baselines" for sheet in sheets(table(baselines=NO_BASELINES)))
