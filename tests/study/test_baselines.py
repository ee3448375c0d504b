"""What needs no network, kept beside a study and printed below its table."""

from __future__ import annotations

from pathlib import Path

import pytest

from silktune.study.ablation.results import Results
from silktune.study.baselines import NO_BASELINES, Baseline, Baselines
from silktune.study.document import markdown
from silktune.study.table import ablation_document
from tests.outcomes import scores
from tests.study.tables import multi_task

FOUND = Baselines(key="0", found=(Baseline(name="largest class", scores=scores(0.25)),), missing=("No features.",))


def test_they_are_read_as_they_were_written(tmp_path: Path) -> None:
    FOUND.write(tmp_path / "baselines.json")
    assert Baselines.read(tmp_path / "baselines.json") == FOUND
    (tmp_path / "other.json").write_text('{"form": 7}', encoding="utf-8")
    assert Baselines.read(tmp_path / "other.json") == Baselines.read(tmp_path / "nowhere.json") == NO_BASELINES


@pytest.mark.parametrize("splits", [1, 2])
def test_a_table_ends_with_them_and_says_of_which_split_they_are(splits: int) -> None:
    made = multi_task()
    results = Results(made.table.model_copy(update={"splits": splits}), made.facts, made.outcomes)
    written = markdown.written(ablation_document.document(results, [], FOUND))
    below = written.partition("## Without a network, on the same test images: F1 [%]\n")[2]
    assert "| largest class | 25.0 | 25.0 |" in below
    assert "No features." in below
    assert ("On the first of the splits." in below) is (splits == 2)
    assert "Without a network" not in markdown.written(ablation_document.document(results, []))
