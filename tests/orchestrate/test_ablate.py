"""`silktune ablate` end to end on the local executor with a real SQLite MLflow; `tests/chaos` disturbs it on Ray."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from tests.orchestrate.conftest import ABLATE, LIMIT, ROWS, Bench, by_trial, runs_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3 * LIMIT)]

CELLS = {"MTL-run1", "MTL-fo-run1", "MTL+R-sem-run1", "MTL-run2", "MTL-fo-run2", "MTL+R-sem-run2"}
TABLES = ("table.md", "table.tex", "metrics.csv", "comparisons.csv", "intervals.csv", "runs.csv")
FAILING = """  - id: wild
    set:
      {net.trunk: resnet18, net.NB_RN: 8, net.dropout: 0, train.learning_rate: 1, train.max_epochs: 12}
"""


@pytest.fixture
def bench(tmp_path: Path, table: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, table, ABLATE)
    yield made
    made.end()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, table: Path) -> Iterator[tuple[Bench, str]]:
    """A table that nothing disturbed, and what it printed."""
    made = Bench(tmp_path_factory.mktemp("undisturbed"), table, ABLATE)
    status, output = made.run()
    assert status == 0, output
    yield made, output
    made.end()


def texts(bench: Bench) -> dict[str, str]:
    return {name: (bench.study / name).read_text(encoding="utf-8") for name in TABLES}


def times(bench: Bench) -> dict[str, int]:
    return {path.stem: path.stat().st_mtime_ns for path in (bench.study / "outcomes").glob("[!.]*.json")}


def test_every_cell_is_trained_and_tested(undisturbed: tuple[Bench, str]) -> None:
    bench, output = undisturbed
    outcomes = bench.outcomes()
    assert outcomes.keys() == CELLS
    assert all(outcome["test"] for outcome in outcomes.values())
    assert "MTL+R^sem" in output
    assert "Run 1 of every row is done" in output
    with (bench.study / "runs.csv").open() as file:
        assert len(list(csv.DictReader(file))) == len(CELLS)


def test_run_1_of_every_row_comes_before_run_2(undisturbed: tuple[Bench, str]) -> None:
    order = sorted(times(undisturbed[0]), key=times(undisturbed[0]).__getitem__)
    assert [name.endswith("run1") for name in order] == [True] * 3 + [False] * 3


def test_a_run_has_the_same_seed_in_every_row(undisturbed: tuple[Bench, str]) -> None:
    seeds = {trial: runs[0].data.tags["silktune.seed"] for trial, runs in by_trial(undisturbed[0]).items()}
    assert seeds == {cell: cell[-1] for cell in CELLS}


def test_mlflow_has_table_row_and_run_nested(undisturbed: tuple[Bench, str]) -> None:
    bench, _ = undisturbed
    runs = runs_of(bench)
    (study,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    rows = {run.data.tags["silktune.row"]: run for run in runs if "silktune.row" in run.data.tags}
    assert rows.keys() == {"MTL", "MTL^fo", "MTL+R^sem"}
    for row in rows.values():
        assert row.data.tags["mlflow.parentRunId"] == study.info.run_id
        assert row.data.tags["silktune.question"] == "Does the auxiliary clustering help?"
        assert {"test.mean_f1.mean", "test.mean_f1.std", "test.OA.mean"} <= row.data.metrics.keys()
        cells = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == row.info.run_id]
        assert len(cells) == 2
        assert {cell.data.tags["silktune.run"] for cell in cells} == {"1", "2"}
        assert all(cell.data.tags["silktune.fingerprint"] for cell in cells)
    assert rows["MTL^fo"].data.params["loss.gamma"] == "2"
    assert rows["MTL^fo"].data.tags["silktune.changes"] == "loss.gamma=2"
    artifacts = bench.folder / "runs" / "mlflow-artifacts" / study.info.run_id / "artifacts"
    assert {"table.md", "table.tex", "figures"} <= {path.name for path in artifacts.iterdir()}


@pytest.mark.usefixtures("undrawn")
def test_the_same_command_again_trains_nothing(undisturbed: tuple[Bench, str]) -> None:
    bench, _ = undisturbed
    before, said, runs = times(bench), texts(bench), len(runs_of(bench))
    status, output = bench.run_here()
    assert status == 0, output
    assert (times(bench), texts(bench), len(runs_of(bench))) == (before, said, runs)


def test_the_table_is_made_again_from_the_outcomes_alone(undisturbed: tuple[Bench, str]) -> None:
    bench, _ = undisturbed
    said, pictures = texts(bench), sorted((bench.study / "figures").iterdir())
    assert pictures
    for path in [*(bench.study / name for name in TABLES), *pictures]:
        path.unlink()
    status, output = bench.silktune("table", "runs/study")
    assert status == 0, output
    assert texts(bench) == said
    assert sorted((bench.study / "figures").iterdir()) == pictures


@pytest.mark.usefixtures("undrawn")
def test_a_row_that_cannot_be_trained_leaves_the_rest_standing(bench: Bench, undisturbed: tuple[Bench, str]) -> None:
    """A learning rate of 1 ends in a loss that is not a number; more runs are then added to the others."""
    (bench.folder / "rows.yaml").write_text(ROWS + FAILING, encoding="utf-8")
    status, output = bench.run_here("--runs", "1")
    assert status == 3, output
    assert "row 'wild', run 1: The loss" in output
    assert "Traceback" not in output
    first = times(bench)
    (bench.folder / "rows.yaml").write_text(ROWS, encoding="utf-8")  # the row is taken out; its outcome stays
    status, output = bench.run_here()
    assert status == 0, output
    assert {cell: at for cell, at in times(bench).items() if cell in first} == first
    assert bench.outcomes().keys() == CELLS | {"wild-run1"}
    assert texts(bench) == texts(undisturbed[0])


@pytest.mark.usefixtures("undrawn")
def test_runs_take_splits_in_turn(bench: Bench) -> None:
    status, output = bench.run_here("--splits", "2")
    assert status == 0, output
    images = {
        run: {tuple(pd.read_parquet(path)["image"]) for path in (bench.study / "outcomes").glob(f"*{run}.parquet")}
        for run in ("run1", "run2")
    }
    assert [len(tested) for tested in images.values()] == [1, 1]
    assert images["run1"] != images["run2"]
    text = " ".join(texts(bench)["table.md"].split())
    assert "2 runs each on 2 splits of the data set in turn: 6 of 6 trainings finished" in text
    assert "Paired t-test over 2 splits, of each the mean of its runs; corrected for training sets that overlap" in text
    status, output = bench.run_here()
    assert status == 1
    assert "with other settings or splits, which are not overwritten" in " ".join(output.split())
    status, output = bench.run_here("--splits", "3")
    assert status == 1
    assert "2 runs cannot be of 3 splits. Ask for as many runs, or more." in " ".join(output.split())


def test_a_row_that_was_changed_is_not_overwritten(undisturbed: tuple[Bench, str]) -> None:
    bench, _ = undisturbed
    before = times(bench)
    try:
        (bench.folder / "rows.yaml").write_text(ROWS.replace("loss.gamma: 2", "loss.gamma: 3"), encoding="utf-8")
        status, output = bench.run_here()
    finally:
        (bench.folder / "rows.yaml").write_text(ROWS, encoding="utf-8")
    assert status == 1
    assert "has finished runs of the row 'MTL^fo' with other settings" in " ".join(output.split())
    assert times(bench) == before
