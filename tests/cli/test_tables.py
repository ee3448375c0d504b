"""What the terminal shows of names that rich takes for its own markup, or for an emoji."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from silktune.api import studies
from silktune.cli import data
from silktune.cli.terminal import ablation_tables, tables
from silktune.cli.terminal.console import Terminal
from silktune.data.describe import describe
from silktune.settings import Data
from silktune.study.ablation.results import Results
from silktune.study.data_facts import Facts, VariableFacts
from silktune.study.paths import StudyPaths
from tests.study.tables import MULTI_TASK, outcomes, scores

NAMES = ("[x]", "[/]", "[bold]", "[/bold]", "[red]a", "a\\", "a\\\\", "\\[x]", ":cat:", "type:a:b", "[link=x]y", "[%]")


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=200, highlight=False, emoji=False)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("name", NAMES)
def test_a_row_with_any_name(name: str, console: Console) -> None:
    rows = (MULTI_TASK.rows[0], MULTI_TASK.rows[1].model_copy(update={"id": name, "line": name}))
    table = MULTI_TASK.model_copy(update={"rows": rows, "reference": name})
    results = Results(table, facts(name), outcomes(table, {"MTL": (0.3, 0.1), name: (0.3, 0.1)}, facts=facts(name)))
    ablation_tables.ablation(console, studies.of_ablation(StudyPaths(Path("nowhere")), results))
    lines = printed(console).splitlines()
    assert any(re.match(rf"{re.escape(name)}  +\d", line) for line in lines)
    assert f"F1: difference from {name} in percentage points" in printed(console)


@pytest.mark.parametrize("name", NAMES)
def test_a_variable_with_any_name(name: str, console: Console) -> None:
    console.print(tables.scores_table("Test", scores({name: 0.3}, facts(name))))
    assert any(re.match(rf"{re.escape(name)} +\d", line) for line in printed(console).splitlines())


@pytest.mark.parametrize("name", NAMES)
def test_a_described_class_with_any_name(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts = tmp_path / "counts.csv"
    with counts.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["variable", "class", "count"], [name, name, 30], [name, "other", 70]])
    data.show(describe(counts, Data()))
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.rstrip() == name for line in lines) == 1, "the head of its classes"
    assert any(re.match(rf"{re.escape(name)} +2 ", line) for line in lines)
    assert any(re.match(rf"• {re.escape(name)} +30", line) for line in lines)


def facts(name: str) -> Facts:
    variable = VariableFacts(name=name, counts={name: 540, "b": 120}, background=0)
    return Facts(name=name, digest="0", images=1000, variables=(variable,))


def test_no_console_makes_emoji_of_names() -> None:
    """Commands print by their own terminal; who makes a console of rich's says it."""
    written = io.StringIO()
    Terminal(file=written).print(":silk:", ":smile:")
    assert written.getvalue() == ":silk: :smile:\n"
    files = Path(tables.__file__).parents[2].rglob("*.py")
    made = [call for file in files for call in re.findall(r"\bConsole\((.*?)\)", file.read_text(encoding="utf-8"))]
    assert made
    assert all("emoji=False" in call for call in made)
