"""`silktune ablate --until-decided` end to end on the local executor: rows stop, go on, and are planned once."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from silktune.study import ablation_folder
from silktune.study.paths import StudyPaths
from tests.orchestrate.conftest import ABLATE, LIMIT, ROWS, Bench

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3 * LIMIT), pytest.mark.usefixtures("undrawn")]

MOST = 5
UNTRAINED = "  - {id: untrained, set: {train.learning_rate: 1.0e-9}}\n"
FEW = ("train.max_epochs=2", "train.patience=2")
PLANNED = ("--until-decided", "--at-most", str(MOST), *FEW)


@pytest.fixture
def bench(tmp_path: Path, table: Path) -> Iterator[Bench]:
    made = _bench(tmp_path, table)
    yield made
    made.end()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, table: Path) -> Iterator[tuple[Bench, str]]:
    """A table whose rows stopped when they were decided, and what it printed; its figures are drawn."""
    made = _bench(tmp_path_factory.mktemp("undisturbed"), table)
    status, output = made.run_here(*PLANNED)
    assert status == 0, output
    yield made, output
    made.end()


def _bench(folder: Path, table: Path) -> Bench:
    (folder / "rows.yaml").write_text(ROWS + UNTRAINED, encoding="utf-8")
    return Bench(folder, table, ABLATE)


def decisions(bench: Bench) -> list[dict[str, str]]:
    with (bench.study / "comparisons.csv").open(encoding="utf-8") as file:
        return [line for line in csv.DictReader(file) if line["role"] == "primary"]


def runs(bench: Bench) -> Counter[str]:
    return Counter(trial.rpartition("-run")[0] for trial in bench.outcomes())


def kept(bench: Bench) -> dict[str, Any]:
    results = ablation_folder.results(StudyPaths(bench.study))
    return dict(results.decisions[""])


def test_every_row_has_the_runs_of_its_decision_and_the_reference_those_of_the_last(
    undisturbed: tuple[Bench, str],
) -> None:
    bench, output = undisturbed
    found = kept(bench)
    assert found.keys() == {"MTL^fo", "MTL+R^sem", "untrained"}
    assert all(one.state in ("found", "given up") for one in found.values())
    assert runs(bench) == {
        "MTL": max(one.runs for one in found.values()), "MTL-fo": found["MTL^fo"].runs,
        "MTL+R-sem": found["MTL+R^sem"].runs, "untrained": found["untrained"].runs,
    }  # fmt: skip
    assert [(line["row"], line["decided"], int(line["decided_after"])) for line in decisions(bench)] == [
        (row, one.state, one.runs) for row, one in found.items()
    ]
    assert all(line["p_holm"] == line["runs_needed_low"] == "" for line in decisions(bench))
    assert f"up to run {MOST}" in " ".join(output.split())
    assert (bench.study / "figures" / "forest.png").exists()
    text = (bench.study / "table.md").read_text(encoding="utf-8")
    assert f"up to {MOST} runs each: {sum(runs(bench).values())} trainings finished." in " ".join(text.split())
    assert "**" not in text.split("In words")[1]


def test_the_same_command_again_trains_nothing(undisturbed: tuple[Bench, str]) -> None:
    bench, _ = undisturbed
    before, text = bench.outcomes(), (bench.study / "table.md").read_bytes()
    status, output = bench.run_here(*PLANNED)
    assert status == 0, output
    assert (bench.outcomes(), (bench.study / "table.md").read_bytes()) == (before, text)
    status, output = bench.run_here(*PLANNED, "--plan")
    assert status == 0, output
    assert f"At most {sum(runs(bench).values())} trainings in {MOST} runs" in " ".join(output.split())
    assert "0 left" in output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--until-decided", "--at-most", "9", *FEW), "was begun with --until-decided --at-most 5"),
        (("--runs", "9", *FEW), "now it is asked for with a fixed number of runs"),
        ((*PLANNED, "--reference", "MTL^fo"), "mean_f1 against MTL^fo"),
    ],
)
def test_what_was_planned_before_the_first_run_stays(
    undisturbed: tuple[Bench, str], words: tuple[str, ...], sentence: str
) -> None:
    bench, _ = undisturbed
    before = bench.outcomes()
    status, output = bench.run_here(*words)
    assert status == 1
    assert sentence in " ".join(output.split())
    assert "Ask for what was planned, or give another --name." in " ".join(output.split())
    assert bench.outcomes() == before


def test_its_rows_are_compared_with_no_other(undisturbed: tuple[Bench, str]) -> None:
    status, output = undisturbed[0].silktune("table", "runs/study", "--reference", "MTL^fo")
    assert status == 1
    assert "were stopped by their difference from MTL" in " ".join(output.split())


def test_a_table_with_a_fixed_number_of_runs_stays_one(bench: Bench) -> None:
    bench.folder.joinpath("rows.yaml").write_text("".join(ROWS.splitlines(keepends=True)[:-1]), encoding="utf-8")
    status, output = bench.run_here("--runs", "1", *FEW)
    assert status == 0, output
    status, output = bench.run_here(*PLANNED)
    assert status == 1
    assert "was begun with a fixed number of runs" in " ".join(output.split())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--at-most", "6"), "--at-most 6: it goes with --until-decided."),
        (("--until-decided", "--at-most", "3"), "--at-most 3: it may be 4 or more."),
        (("--until-decided", "--runs", "5"), "--runs 5: with --until-decided a row has as many runs as it takes"),
        (("--until-decided", "--splits", "2"), "it looks at runs of one split, and this table has 2."),
    ],
)
def test_what_does_not_go_together_is_said_before_anything_is_done(
    bench: Bench, words: tuple[str, ...], sentence: str
) -> None:
    status, output = bench.run_here(*words)
    assert status == 1
    assert sentence in " ".join(output.split())
    assert not (bench.folder / "runs").exists()


def test_goes_on_where_it_stopped_and_comes_to_the_same(undisturbed: tuple[Bench, str]) -> None:
    """What an interruption, a crash or a failure leaves: some runs are not there."""
    bench, _ = undisturbed
    before, text = kept(bench), (bench.study / "table.md").read_bytes()
    paths, trials = StudyPaths(bench.study), bench.outcomes().keys()
    for trial in ("MTL-run3", "MTL-fo-run2", "untrained-run3"):
        paths.outcome(trial).unlink()
    assert {one.state for one in kept(bench).values()} == {"open"}
    status, output = bench.run_here(*PLANNED)
    assert status == 0, output
    assert bench.outcomes().keys() == trials
    assert kept(bench) == before
    assert (bench.study / "table.md").read_bytes() == text
