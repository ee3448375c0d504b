"""The sheet that a row is chosen by: what is on the validation set, and nothing of the test set."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence

import pytest

from silktune.outcome import MEANS, Outcome
from silktune.study.ablation.results import Results
from silktune.study.ablation.table_model import Row, Table
from silktune.study.data_facts import SplitFacts
from silktune.study.document.parts import Sheet
from silktune.study.table import csv_tables
from silktune.study.table.validation_sheet import ANY, validation_sheet
from tests.study.tables import FACTS, MULTI_TASK, SINGLE_TASK, finished, scores

WORST_TESTED = {  # row → its runs on the validation set; the better there, the worse on the test set
    "MTL": [0.30, 0.31, 0.32, 0.33, 0.34],
    "MTL^fo": [0.50, 0.51, 0.52, 0.53, 0.54],
    "MTL+R^all": [0.49, 0.51, 0.52, 0.53, 0.56],
    "MTL^fo+R^all": [0.20, 0.21, 0.22, 0.23, 0.24],
}


def results(
    table: Table, validated: Mapping[str, Sequence[float]], more: Mapping[str, Outcome] | None = None
) -> Results:
    """Runs with these F1 on the validation set, the same in every variable, and 0.6 less that on the test set."""
    found: dict[str, Outcome] = {}
    for row in table.rows:
        names = (row.variable,) if row.variable else tuple(variable.name for variable in FACTS.variables)
        for run, value in enumerate(validated.get(row.id, ()), start=1):
            tested = finished(dict.fromkeys(names, 0.6 - value))
            on_validation = scores(dict.fromkeys(names, value))
            found[table.trial(row, run).id] = tested.model_copy(update={"validation": on_validation})
    return Results(table, FACTS, found | dict(more or {}))


def texts(sheet: Sheet) -> list[list[str]]:
    return [[cell.text for cell in row] for row in sheet.rows]


def bold(sheet: Sheet) -> list[str]:
    return [row[sheet.labels - 1].text for row in sheet.rows if row[-1].bold]


def test_a_row_has_its_mean_on_the_validation_set_whatever_it_is_on_the_test_set() -> None:
    sheet = validation_sheet(results(MULTI_TASK, WORST_TESTED))
    assert sheet.title == "F1 on the validation set, to choose a row by [%]"
    assert sheet.columns == ("experiment", "runs", "F1")
    assert texts(sheet) == [
        ["MTL", "5", "32.0 ± 1.58"], ["MTL^fo", "5", "52.0 ± 1.58"], ["MTL+R^all", "5", "52.2 ± 2.59"],
        ["MTL^fo+R^all", "5", "22.0 ± 1.58"],
    ]  # fmt: skip
    assert "Mean ± standard deviation over 5 runs on the validation set." in sheet.notes


def test_bold_are_the_rows_that_cannot_be_told_from_the_best_there() -> None:
    made = results(MULTI_TASK, WORST_TESTED)
    assert bold(validation_sheet(made)) == ["MTL^fo", "MTL+R^all"]
    assert {*made.best(MULTI_TASK.rows, "mean_f1")} == {"MTL^fo+R^all"}
    assert ANY in validation_sheet(made).notes
    few = validation_sheet(results(MULTI_TASK, {row: runs[:2] for row, runs in WORST_TESTED.items()}))
    assert bold(few) == []
    assert ANY not in few.notes


def test_it_is_about_the_metric_that_the_table_judges() -> None:
    judged = MULTI_TASK.model_copy(update={"metric": "OA"})
    sheet = validation_sheet(results(judged, WORST_TESTED))
    assert sheet.columns[-1] == "OA"
    assert texts(sheet)[0][-1] == "66.0 ± 0.79"


def test_single_task_rows_are_chosen_variable_by_variable() -> None:
    runs = {
        "C* (material)": [0.3, 0.31, 0.32], "C (material)": [0.5, 0.51, 0.52], "C* + sem (material)": [0.1, 0.11, 0.12],
        "C* (place)": [0.2, 0.21, 0.22], "C (place)": [0.10, 0.11, 0.12], "C* + sem (place)": [0.20, 0.22, 0.23],
    }  # fmt: skip
    sheet = validation_sheet(results(SINGLE_TASK, runs))
    assert (sheet.columns[:2], sheet.labels, sheet.rules) == (("variable", "experiment"), 2, (3,))
    assert bold(sheet) == ["C", "C*", "C* + sem"]
    assert sheet.notes[0].startswith("Choose a row by this sheet, one for each variable;")
    assert any("best of its variable" in note for note in sheet.notes)


def test_a_row_that_shows_anothers_runs_and_one_that_failed() -> None:
    again = MULTI_TASK.rows[0].model_copy(update={"id": "again", "line": "again", "same_as": "MTL"})
    table = MULTI_TASK.model_copy(update={"rows": (*MULTI_TASK.rows, again)})
    lost = {table.trial(row, 5).id: Outcome(state="failed", reason="loss is nan") for row in table.rows[1:2]}
    sheet = validation_sheet(results(table, WORST_TESTED, lost))
    assert texts(sheet)[-1] == ["again", "5", "32.0 ± 1.58"]
    assert "again is the same experiment as MTL and shows its runs." in sheet.notes
    assert texts(sheet)[1] == ["MTL^fo", "4", "51.5 ± 1.29 (n = 4)"]
    none = validation_sheet(results(table, {}))
    assert {tuple(row[1:]) for row in texts(none)} == {("0", "–")}


def test_a_run_that_was_not_tested_is_on_neither_set() -> None:
    ended = finished({"place": 0.3})
    untested = {MULTI_TASK.trial(row, 1).id: ended.model_copy(update={"test": None}) for row in MULTI_TASK.rows}
    made = Results(MULTI_TASK, FACTS, untested)
    assert [row[1] for row in texts(validation_sheet(made))] == ["0"] * 4


@pytest.mark.parametrize(("share", "told"), [(0.01, ["MTL"]), (30.0, ["MTL", "MTL^fo"])])
def test_several_splits_are_corrected_for_their_overlap_by_the_images_for_validation(
    share: float, told: list[str]
) -> None:
    """The more images for validation against those for training, the more of them the training sets share."""
    rows = (MULTI_TASK.rows[0], MULTI_TASK.rows[1])
    table = MULTI_TASK.model_copy(update={"splits": 5, "rows": rows})
    images = {"train": 100, "validation": round(100 * share), "test": 0}
    facts = FACTS.model_copy(update={"split": SplitFacts(digest="", images=images, split_seed=0, min_records=3)})
    runs = {"MTL": [0.40, 0.42, 0.39, 0.43, 0.41], "MTL^fo": [0.31, 0.29, 0.33, 0.30, 0.32]}
    made = Results(table, facts, results(table, runs).outcomes)
    sheet = validation_sheet(made)
    assert bold(sheet) == told
    assert "of 5 splits, each on the validation set of its own." in " ".join(sheet.notes)


def test_the_files_have_it_run_by_run_and_row_by_row() -> None:
    made = results(MULTI_TASK, WORST_TESTED, {"MTL-run6": Outcome(state="failed", reason="loss is nan")})
    by_run = [*csv.DictReader(io.StringIO(csv_tables.runs_csv(made)))]
    by_row = [*csv.DictReader(io.StringIO(csv_tables.metrics_csv(made)))]
    row: Row = MULTI_TASK.rows[1]
    for mean in MEANS:
        name = f"validation_{mean}"
        runs = [float(line[name]) for line in by_run if line["row"] == row.id]
        (whole,) = (line for line in by_row if (line["row"], line["metric"]) == (row.id, name))
        assert runs == [*made.on_validation.values(row, mean).values()]
        assert float(whole["mean"]) == pytest.approx(math.fsum(runs) / 5)
        assert (whole["n"], whole["paper_mean"]) == ("5", "")
    (failed,) = (line for line in by_run if line["state"] == "failed")
    assert failed["validation_mean_f1"] == ""
