"""The sheets of an ablation: what stands in their cells, what is in bold, what the notes say."""

from __future__ import annotations

import math

import pytest

from silktune.outcome import Confusion, Outcome, Scores, VariableScores
from silktune.study import ablation
from silktune.study.ablation.results import Results
from silktune.study.ablation.table_model import Row, Table
from silktune.study.data_facts import Facts, VariableFacts
from silktune.study.document.parts import Sheet
from silktune.study.interval_text import NO_PREDICTIONS
from silktune.study.table import cell_text
from silktune.study.table.ablation_sheets import sheets
from silktune.study.table.differences import differences, gains
from silktune.study.table.runs_planned import what_is_found
from tests.data.test_statistics import TABLE_1
from tests.outcomes import epoch
from tests.study.tables import (
    BASE,
    FACTS,
    MULTI_TASK,
    MULTI_TASK_F1,
    finished,
    multi_task,
    outcomes,
    single_task,
    spread,
)

# P23 Table 5 and the shares of labelled images of its §4
SHARES = {"place": 0.731, "material": 0.723, "time": 0.580, "technique": 0.327, "depiction": 0.070}
TABLE_5 = {
    "MTL": {"depiction": 27.2, "place": 15.4, "material": 38.0, "time": 31.6, "technique": 30.6},
    "MTL^fo": {"depiction": 26.5, "place": 19.6, "material": 46.8, "time": 38.4, "technique": 31.8},
    "MTL+R^all": {"depiction": 32.1, "place": 16.4, "material": 42.0, "time": 36.5, "technique": 32.7},
    "MTL^fo+R^all": {"depiction": 27.8, "place": 21.3, "material": 46.9, "time": 38.7, "technique": 33.3},
}


def named(results: Results, name: str) -> Sheet:
    return next(sheet for sheet in sheets(results) if sheet.name == name)


def texts(sheet: Sheet) -> list[list[str]]:
    return [[cell.text for cell in row] for row in sheet.rows]


def bold(sheet: Sheet, column: str) -> list[str]:
    i = sheet.columns.index(column)
    return [row[i].text for row in sheet.rows if row[i].bold]


def with_runs(table: Table, runs: dict[str, list[float]]) -> Results:
    """Results in which each row has these F1, the same in every variable."""
    found = {}
    for row in table.rows:
        names = (row.variable,) if row.variable else tuple(variable.name for variable in FACTS.variables)
        for run, value in enumerate(runs.get(row.id, []), start=1):
            found[table.trial(row, run).id] = finished(dict.fromkeys(names, value))
    return Results(table, FACTS, found)


def p23() -> Results:
    variables = tuple(
        VariableFacts(name=name, counts={"a": round(700 * share), "b": round(300 * share)}, background=0)
        for name, share in SHARES.items()
    )
    found = {
        MULTI_TASK.trial(MULTI_TASK.row(line), 1).id: {name: value / 100 for name, value in values.items()}
        for line, values in TABLE_5.items()
    }
    facts = Facts(name="SILKNOW", digest="", images=1000, variables=variables)
    return Results(MULTI_TASK, facts, {trial: finished(values, facts=facts) for trial, values in found.items()})


MEANS = ["mean_f1", "mean_f1_with_background", "mean_f1_minority", "OA"]
FIGURES = ["f1", "f1_with_background", "f1_minority", "OA"]


def test_the_sheets_of_a_multi_task_table() -> None:
    assert [sheet.name for sheet in sheets(multi_task())] == [
        "rows", "differences-mean_f1", "validation", *(f"differences-{mean}" for mean in MEANS[1:]), *FIGURES,
        "classes-material", "classes-place", "classes-time", "gains", "gains-with-background",
        "imbalance", "imbalance-gains", "epochs",
    ]  # fmt: skip


def test_the_sheets_of_a_single_task_table_without_gains_over_two_variables() -> None:
    assert [sheet.name for sheet in sheets(single_task())] == [
        "rows", "differences-mean_f1", "validation", *(f"differences-{mean}" for mean in MEANS[1:]), *FIGURES,
        "classes-material", "classes-place", "epochs",
    ]  # fmt: skip


@pytest.mark.parametrize("results", [multi_task(), single_task(), multi_task(1), with_runs(MULTI_TASK, {})])
def test_every_row_has_a_cell_for_every_column(results: Results) -> None:
    for sheet in sheets(results):
        assert sheet.rows
        assert {len(row) for row in sheet.rows} == {len(sheet.columns)}
        assert all(0 < number < len(sheet.rows) for number in sheet.rules)
        assert 0 < sheet.labels < len(sheet.columns)


def test_rows_with_the_papers_figures_beside_them() -> None:
    sheet = named(multi_task(), "rows")
    assert sheet.columns == (
        "experiment", "runs", "F1", "F1 with background", "paper", "F1 under-represented", "OA", "paper"
    )  # fmt: skip
    assert texts(sheet)[2] == [
        "MTL+R^all", "5", "31.9 ± 2.45", "26.9 ± 2.07", "31.9 ± 2.45", "20.6 ± 1.58", "66.0 ± 1.23", "66.2 ± 0.44"
    ]  # fmt: skip
    assert "Paper: P23, Tables 4, 5 and 6." in sheet.notes
    assert sheet.rules == ()


def test_bold_are_all_rows_that_cannot_be_told_from_the_best() -> None:
    assert bold(named(multi_task(), "rows"), "F1") == ["32.6 ± 1.11", "31.9 ± 2.45", "33.6 ± 1.03"]
    noise = with_runs(MULTI_TASK, {row: spread(0.3, 0.02, 5, shift) for shift, row in enumerate(MULTI_TASK_F1)})
    assert len(bold(named(noise, "rows"), "F1")) == 4
    assert bold(named(multi_task(1), "rows"), "F1") == []
    assert not any("Bold" in note for note in named(multi_task(1), "rows").notes)


def test_single_task_rows_stand_by_variable_and_are_judged_against_its_best() -> None:
    sheet = named(single_task(), "rows")
    assert (sheet.columns[:4], sheet.labels, sheet.rules) == (("variable", "experiment", "runs", "F1"), 2, (3,))
    assert [row[:2] for row in texts(sheet)] == [
        ["material", "C*"], ["", "C"], ["", "C* + sem"], ["place", "C*"], ["", "C"], ["", "C* + sem"]
    ]  # fmt: skip
    assert bold(sheet, "F1") == ["47.3 ± 0.17", "39.2 ± 2.79", "17.6 ± 0.83", "18.8 ± 0.58", "18.2 ± 1.22"]
    assert [row[4] for row in texts(sheet)[:3]] == ["37.6 ± 0.37", "47.3 ± 0.17", "39.2 ± 2.79"]
    assert any("best of its column for its variable" in note for note in sheet.notes)


def test_a_table_without_printed_figures_has_no_column_for_them() -> None:
    rows = tuple(row.model_copy(update={"paper": {}}) for row in MULTI_TASK.rows)
    results = Results(MULTI_TASK.model_copy(update={"rows": rows}), FACTS, multi_task().outcomes)
    assert all("paper" not in sheet.columns for sheet in sheets(results))
    assert not any("Paper" in note for sheet in sheets(results) for note in sheet.notes)


def test_a_partial_mean_shows_its_n_and_no_run_a_dash() -> None:
    results = with_runs(MULTI_TASK, {"MTL": [0.3, 0.31, 0.32, 0.33, 0.34], "MTL^fo": [0.3, 0.32], "MTL+R^all": [0.4]})
    sheet = named(results, "rows")
    assert [row[1:3] for row in texts(sheet)] == [
        ["5", "32.0 ± 1.58"], ["2", "31.0 ± 1.41 (n = 2)"], ["1", "40.0 (n = 1)"], ["0", "–"]
    ]  # fmt: skip
    assert "(n = …): the mean of so many runs instead of 5." in sheet.notes
    assert "–: no finished run, or not defined." in sheet.notes
    assert [row[1] for row in texts(named(results, "f1"))] == [row[2] for row in texts(sheet)]


def test_f1_with_background_is_shown_where_it_is_another_one() -> None:
    def names(metric: str = "mean_f1", paper: bool = False) -> list[str]:
        rows = MULTI_TASK.rows if paper else [row.model_copy(update={"paper": {}}) for row in MULTI_TASK.rows]
        table = MULTI_TASK.model_copy(update={"metric": metric, "rows": tuple(rows)})
        none = tuple(variable.model_copy(update={"background": 0}) for variable in FACTS.variables)
        facts = FACTS.model_copy(update={"variables": none})
        made = sheets(Results(table, facts, outcomes(table, MULTI_TASK_F1, facts=facts)))
        shown = [sheet.name for sheet in made if "with_background" in sheet.name]
        assert ("F1 with background" in made[0].columns) is bool(shown)
        assert ("with background:" in made[0].notes[0]) is bool(shown)
        return shown

    both = ["differences-mean_f1_with_background", "f1_with_background"]
    assert names() == []
    assert names(paper=True) == names(metric="mean_f1_with_background") == both


def test_runs_beyond_those_of_the_table_count() -> None:
    results = with_runs(MULTI_TASK, {row: spread(0.3, 0.01, 7) for row in MULTI_TASK_F1} | {"MTL": [0.3] * 5})
    assert [row[2] for row in texts(named(results, "rows"))] == ["30.0 ± 0.00", *["30.0 ± 1.00 (n = 7)"] * 3]


def test_a_note_names_the_cells_that_failed() -> None:
    results = multi_task(4)
    failed = {
        MULTI_TASK.trial(row, run).id: Outcome(state="failed", reason=f"out of memory ({run}).")
        for row in MULTI_TASK.rows
        for run in (5, 6)
    }
    asked = MULTI_TASK.model_copy(update={"runs": 6})
    note = named(Results(asked, FACTS, results.outcomes | failed), "rows").notes[-1]
    assert note.startswith(
        "Failed: row 'MTL', run 5: out of memory (5); row 'MTL', run 6: out of memory (6); row 'MTL^fo'"
    )
    assert note.endswith("; 3 more.")


def test_differences_from_the_reference() -> None:
    sheet = named(multi_task(), "differences-mean_f1")
    assert sheet.columns == ("experiment", "difference", "95 % CI", "p", "p (Holm)", "runs needed")
    assert texts(sheet) == [
        ["MTL^fo", "+4.00", "[2.64, 5.36]", "<0.001", "0.001", "3 to 13"],
        ["MTL+R^all", "+3.30", "[0.28, 6.32]", "0.038", "0.038", "5 to 3,148"],
        ["MTL^fo+R^all", "+5.00", "[3.74, 6.26]", "<0.001", "<0.001", "3 to 8"],
    ]
    test, correlation, holm, found, needed, test_sets = sheet.notes
    assert test_sets == NO_PREDICTIONS
    assert test == "Welch's t-test, 5 runs per row. The table named it before any run (test: welch)."
    assert correlation.startswith("Runs with the same seed correlate by r = −0.32.")
    assert correlation.endswith("a paired test finds more than Welch's above r = 0.34.")
    assert holm == "p (Holm): corrected for the 3 tests of this sheet. F1 is what the table judges; all else explores."
    assert found == (
        "With 5 runs of each row and 3 tests, a difference of 2.6 times the standard deviation of a row's runs (here "
        "3.84 points) is found in 4 of 5 cases, a smaller one less often."
    )
    assert needed.startswith(
        "Runs needed: of each row, to find the true difference in 4 of 5 cases at Holm's first step"
    )


def test_all_metrics_but_the_tables_own_are_exploratory() -> None:
    sheet = named(multi_task(), "differences-OA")
    assert sheet.title == "OA: difference from MTL in percentage points (exploratory)"
    assert sheet.columns == ("experiment", "difference", "95 % CI", "p")
    assert sheet.notes[-1].startswith("Exploratory: this table was made to judge F1.")
    judged = Results(MULTI_TASK.model_copy(update={"metric": "OA"}), FACTS, multi_task().outcomes)
    assert [sheet.name for sheet in sheets(judged)][1:4] == ["differences-OA", "validation", "differences-mean_f1"]
    assert named(judged, "differences-OA").columns[4] == "p (Holm)"
    assert named(judged, "differences-mean_f1").title.endswith("(exploratory)")
    assert [math.isnan(one.p_holm) for one in differences(judged, "mean_f1")] == [True] * 3


def test_single_task_rows_are_compared_with_the_reference_of_their_variable() -> None:
    results = single_task()
    found = differences(results, "mean_f1")
    assert [(one.row.id, one.reference.id) for one in found] == [
        ("C (material)", "C* (material)"), ("C* + sem (material)", "C* (material)"),
        ("C (place)", "C* (place)"), ("C* + sem (place)", "C* (place)"),
    ]  # fmt: skip
    sheet = named(results, "differences-mean_f1")
    assert (sheet.rules, [row[0] for row in texts(sheet)]) == ((2,), ["material", "", "place", ""])
    assert texts(sheet)[1][3] == "[−5.17, 8.37]"
    assert "p (Holm): corrected for the 2 tests of each variable." in " ".join(sheet.notes)
    assert "r = −0.34 (material), −0.34 (place)" in " ".join(sheet.notes)


def test_a_table_of_too_few_runs_says_so() -> None:
    p22 = ablation.load("p22")
    (note,) = what_is_found(Results(p22, FACTS, {}))
    assert note == (
        "With 3 runs of each row and 7 tests, a difference of 7.1 times the standard deviation of a row's runs is "
        "found in 4 of 5 cases, a smaller one less often. So few runs can hardly tell rows apart: with --runs 5 it "
        "would be 3.1 times."
    )
    (note,) = what_is_found(Results(p22.model_copy(update={"test": "paired"}), FACTS, {}))
    assert "8.7 times the standard deviation of the differences between runs" in note
    for name in ("p23", "longtail"):
        (note,) = what_is_found(Results(ablation.load(name), FACTS, {}))
        assert "So few" not in note


def test_the_notes_name_the_test_of_each_row_where_seeds_are_not_shared() -> None:
    *others, last = MULTI_TASK.rows
    elsewhere = last.model_copy(update={"experiment": last.experiment.with_({"train.seed": 9})})
    table = MULTI_TASK.model_copy(update={"rows": (*others, elsewhere), "test": "paired"})
    both = named(Results(table, FACTS, multi_task().outcomes), "differences-OA").notes
    assert both[:2] == (
        "Paired t-test over the runs with the same seed, 5 runs per row (MTL^fo, MTL+R^all).",
        "Welch's t-test, 5 runs per row (MTL^fo+R^all). The table named it before any run (test: paired).",
    )


def test_runs_needed_are_an_interval_from_five_runs_on() -> None:
    runs = {"MTL": [0.30, 0.31, 0.30, 0.32, 0.29], "MTL^fo": [0.31, 0.30, 0.33], "MTL+R^all": [0.5]}
    runs["MTL^fo+R^all"] = [0.31, 0.30, 0.32, 0.31, 0.30]
    sheet = named(with_runs(MULTI_TASK, runs), "differences-mean_f1")
    assert [row[5] for row in texts(sheet)] == ["–", "–", "9 or more"]
    assert texts(sheet)[1] == ["MTL+R^all", "+19.60", "–", "–", "–", "–"]
    assert sheet.notes[0].startswith("Welch's t-test, 3 to 5 runs per row.")
    few = named(with_runs(MULTI_TASK, {row: values[:4] for row, values in runs.items()}), "differences-mean_f1")
    assert {row[5] for row in texts(few)} == {"–"}
    assert not any("Runs needed" in note for note in few.notes)


def test_a_difference_without_variance_is_not_tested() -> None:
    runs = {"MTL": [0.3, 0.31], "MTL^fo": [0.4, 0.4], "MTL+R^all": [0.3, 0.35], "MTL^fo+R^all": [0.3, 0.3]}
    results = with_runs(MULTI_TASK, runs)
    sheet = named(results, "differences-mean_f1")
    assert texts(sheet)[0] == ["MTL^fo", "+9.50", *["–"] * 4]
    assert texts(sheet)[2] == ["MTL^fo+R^all", "−0.50", *["–"] * 4]
    assert "p (Holm): corrected for the 1 test of this sheet." in " ".join(sheet.notes)
    same = "– for p: the difference does not vary from run to run, so no test can say if it is more than chance."
    assert same in sheet.notes
    for figure in ("mean_f1", "OA", "place.FR.f1"):
        compared = [one.comparison for one in differences(results, figure)]
        assert [one is None or math.isnan(one.p) for one in compared] == [True, False, True]
    del runs["MTL+R^all"]
    assert named(with_runs(MULTI_TASK, runs), "differences-mean_f1").notes[0] == same


def test_a_difference_that_no_number_of_runs_can_find() -> None:
    results = with_runs(MULTI_TASK, {"MTL": [0.3, 0.4, 0.3, 0.4, 0.35], "MTL^fo": [0.4, 0.3, 0.4, 0.3, 0.35]})
    row = texts(named(results, "differences-mean_f1"))[0]
    assert [row[1], row[3], row[5]] == ["0.00", "1.000", "12 or more"]


def test_the_same_experiment_in_two_places_is_one_test() -> None:
    again = MULTI_TASK.rows[3].model_copy(update={"id": "again", "line": "again", "same_as": "MTL^fo+R^all"})
    base = MULTI_TASK.rows[0].model_copy(update={"id": "base", "line": "base", "same_as": "MTL"})
    table = MULTI_TASK.model_copy(update={"rows": (*MULTI_TASK.rows, again, base)})
    results = Results(table, FACTS, multi_task().outcomes)
    rows = {row[0]: row[1:] for row in texts(named(results, "differences-mean_f1"))}
    alone = {row[0]: row[1:] for row in texts(named(multi_task(), "differences-mean_f1"))}
    assert rows == alone | {"again": alone["MTL^fo+R^all"], "base": ["–"] * 5}
    assert "corrected for the 3 tests of this sheet." in " ".join(named(results, "differences-mean_f1").notes)
    assert "again is the same experiment as MTL^fo+R^all and shows its runs." in named(results, "rows").notes


def test_a_figure_per_variable_with_the_papers_where_there_is_one() -> None:
    sheet = named(multi_task(), "f1_minority")
    assert sheet.columns == ("experiment", "material", "place", "paper", "time")
    assert [row[3] for row in texts(sheet)] == ["", "10.4", "", ""]
    results = multi_task()
    values = [str(results.summary(row, "place.f1_minority")) for row in MULTI_TASK.rows]
    assert [row[2] for row in texts(sheet)] == values


def test_single_task_lines_by_variable() -> None:
    sheet = named(single_task(), "f1")
    assert sheet.columns == ("experiment", "material", "paper", "place", "paper")
    assert texts(sheet)[2] == ["C* + sem", "39.2 ± 2.79", "39.2 ± 2.79", "18.2 ± 1.22", "18.2 ± 1.22"]
    assert (bold(sheet, "material"), len(bold(sheet, "place"))) == (["47.3 ± 0.17", "39.2 ± 2.79"], 3)


def test_only_the_variables_that_the_rows_predict_have_a_column() -> None:
    rows = tuple(
        Row(
            id=row.id, line=row.line, changes=row.changes, experiment=row.experiment.with_({"data.variables": ["time"]})
        )
        for row in MULTI_TASK.rows
    )
    names = [sheet.name for sheet in sheets(Results(MULTI_TASK.model_copy(update={"rows": rows}), FACTS, {}))]
    assert [name for name in names if name.startswith("classes")] == ["classes-time"]


def test_the_classes_of_a_variable() -> None:
    sheet = named(multi_task(), "classes-place")
    assert sheet.columns == ("class", "images", "MTL", "MTL^fo", "MTL+R^all", "MTL^fo+R^all")
    assert [row[:2] for row in texts(sheet)] == [
        ["ES", "330"], ["FR", "300"], ["IT|VE †", "70"], ["京都 †", "30"], ["background", "25"]
    ]  # fmt: skip
    assert sheet.rules == (4,)
    assert texts(sheet)[3][3] == str(multi_task().summary(MULTI_TASK.row("MTL^fo"), "place.京都.f1"))
    assert [cell.bold for cell in sheet.rows[0]] == [False, False, False, True, True, True]
    assert "†: under-represented, fewer than 1/4 of the labels." in sheet.notes


def test_without_background_there_is_no_row_for_it() -> None:
    sheet = named(single_task(), "classes-material")
    assert ([row[0] for row in texts(sheet)][-1], sheet.rules) == ("vegetal_fibre †", ())
    assert sheet.columns == ("class", "images", "C*", "C", "C* + sem")


def test_the_gains_of_p23_correlate_as_the_paper_says() -> None:
    found = {one.line: one for one in gains(p23())}
    both, focal = found["MTL^fo+R^all"], found["MTL^fo"]
    assert (round(both.r, 2), round(both.p, 2)) == (0.93, 0.02)
    assert (round(focal.r, 2), round(focal.p, 2)) == (0.87, 0.06)
    assert both.gains["material"] == pytest.approx(0.089)
    sheet = named(p23(), "gains")
    assert sheet.columns == ("experiment", "place", "material", "time", "technique", "depiction", "r", "p")
    assert texts(sheet)[0] == ["images with a label [%]", "73.1", "72.3", "58.0", "32.7", "7.0", "", ""]
    assert texts(sheet)[3][:6] == ["MTL^fo+R^all", "+5.90", "+8.90", "+7.10", "+2.70", "+0.60"]
    assert texts(sheet)[1][-3] == "−0.70"


def test_the_gains_with_background_are_those_that_the_paper_correlates() -> None:
    facts = p23().facts
    with_background = [v.model_copy(update={"background": 10}) for v in facts.variables]
    facts = facts.model_copy(update={"variables": tuple(with_background)})
    found = {
        MULTI_TASK.trial(MULTI_TASK.row(line), 1).id: {name: value / 100 for name, value in values.items()}
        for line, values in TABLE_5.items()
    }
    results = Results(MULTI_TASK, facts, {trial: finished(values, facts=facts) for trial, values in found.items()})
    of_interest, background = gains(results), gains(results, "f1_with_background")
    for one, other in zip(of_interest, background, strict=True):  # background is never found: two thirds of each gain
        assert other.gains == pytest.approx({name: gain * 2 / 3 for name, gain in one.gains.items()})
        assert other.r == pytest.approx(one.r)
    assert named(results, "gains-with-background").title.startswith("F1 with background gain over MTL")
    assert texts(named(results, "gains-with-background"))[3][2] == f"+{8.9 * 2 / 3:.2f}"
    assert "gains-with-background" not in [sheet.name for sheet in sheets(p23())]


class TestImbalance:
    """P22 §5.2.1: what its Table 4 says of the class distributions of its Table 2."""

    @pytest.fixture
    def results(self) -> Results:
        table = ablation.load("p22")
        facts = Facts(
            name="SILKNOW", digest="", images=50_000,
            variables=tuple(VariableFacts(name=v, counts=TABLE_1[v], background=0) for v in table.variables),
        )  # fmt: skip
        found = {}
        for row in table.rows:
            f1, rare, OA = (row.paper[f"{row.variable}.{name}"].mean for name in ("f1", "f1_minority", "OA"))
            variable = VariableScores(
                name=row.variable, f1=f1, f1_with_background=f1, f1_minority=rare, OA=OA, labelled=1, classes=(),
                confusion=Confusion(K=1, counts=()),
            )  # fmt: skip
            test = Scores(mean_f1=f1, mean_f1_with_background=f1, mean_f1_minority=rare, OA=OA, variables=(variable,))
            found[table.trial(row, 1).id] = Outcome(state="finished", validation=test, test=test)
        return Results(table, facts, found)

    def test_overall_accuracy_falls_with_the_imbalance_ratio_but_for_place(self, results: Results) -> None:
        sheet = named(results, "imbalance")
        assert sheet.columns[:4] == ("experiment", "OA, IR", "OA, BD", "OA, m/K")
        assert texts(sheet)[0][:2] == ["C*", "−0.80"]

    def test_what_balanced_batches_cost_grows_with_the_share_of_rare_classes_but_for_time(
        self, results: Results
    ) -> None:
        sheet = named(results, "imbalance-gains")
        assert texts(sheet)[0][0] == "C"
        assert texts(sheet)[0][sheet.columns.index("OA, m/K")] == "−0.80"

    def test_the_gain_of_rare_classes_does_not_grow_with_the_distance_from_balance(self, results: Results) -> None:
        """P22 §5.2.2 says so of material, place and technique; by its Tables 2 and 5 it falls, and is least of time."""
        sheet = named(results, "imbalance-gains")
        assert texts(sheet)[0][sheet.columns.index("F1 under-represented, BD")] == "0.20"

    def test_so_few_variables_are_no_test(self, results: Results) -> None:
        assert "of 4 variables even a perfect order" in named(results, "imbalance").notes[1]
        assert "in 8.3 % of the cases" in named(results, "imbalance").notes[1]

    def test_without_runs_there_are_dashes(self, results: Results) -> None:
        none = Results(results.table, results.facts, {})
        assert {text for row in texts(named(none, "imbalance")) for text in row[1:]} == {"–"}
        assert not any(sheet.name.startswith("imbalance") for sheet in sheets(single_task()))


def test_gains_that_are_equal_correlate_with_nothing() -> None:
    results = with_runs(MULTI_TASK, {"MTL": [0.286, 0.279], "MTL^fo": [0.326, 0.301]})
    assert [math.isnan(one.r) for one in gains(results)] == [True, True, True]
    assert texts(named(results, "gains"))[1][-2:] == ["–", "–"]


def test_nothing_depends_on_how_long_something_took() -> None:
    results = multi_task()
    slower = {
        name: outcome.model_copy(update={"seconds": 99.0, "device": "another"})
        for name, outcome in results.outcomes.items()
    }
    assert sheets(Results(MULTI_TASK, FACTS, slower)) == sheets(results)


def test_rows_that_are_not_of_the_table_are_not_looked_at() -> None:
    other = Table(
        name="other",
        question="",
        runs=5,
        reference="x",
        base=BASE,
        rows=(Row(id="x", line="x", experiment=BASE, changes={}),),
    )
    strange = outcomes(other, {"x": (0.9, 0.01)})
    assert sheets(Results(MULTI_TASK, FACTS, multi_task().outcomes | strange)) == sheets(multi_task())


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.0, "<0.001"), (0.00099, "<0.001"), (0.001, "0.001"), (0.0123, "0.012"), (1.0, "1.000"), (math.nan, "–")],
)
def test_p_values_as_papers_print_them(p: float, text: str) -> None:
    assert cell_text.p_text(p) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0.0412, "+4.12"), (-0.0061, "−0.61"), (0.00004, "0.00"), (-0.00004, "0.00")]
)
def test_percentage_points_have_a_sign_unless_they_are_nothing(share: float, text: str) -> None:
    assert cell_text.points(share, sign=True) == text


class TestEpochs:
    """After how many epochs rows stopped."""

    @pytest.fixture
    def results(self) -> Results:
        rows = [MULTI_TASK.row("MTL"), MULTI_TASK.row("MTL^fo")]
        by_f1 = rows[1].experiment.with_({"train.stop_on": "mean_f1"})
        rows[1] = rows[1].model_copy(update={"experiment": by_f1})
        table = MULTI_TASK.model_copy(update={"rows": tuple(rows)})
        found = {}
        for row, best in zip(rows, [(3, 5, 20), (100, 91, 90)], strict=True):
            for run, number in enumerate(best, 1):
                last = epoch(min(number + 10, 100))
                ended = finished({"place": 0.3}).model_copy(update={"best_epoch": number, "epochs": (last,)})
                found[table.trial(row, run).id] = ended
        return Results(table, FACTS, found)

    def test_best_and_last_are_means_over_runs(self, results: Results) -> None:
        sheet = named(results, "epochs")
        assert sheet.columns == ("experiment", "best epoch", "epochs", "not saturated", "best by")
        assert texts(sheet) == [
            ["MTL", "9.3 ± 9.3", "19.3 ± 9.3", "0 of 3", "smallest loss (L)"],
            ["MTL^fo", "93.7 ± 5.5", "100.0 ± 0.0", "2 of 3", "largest mean F1"],
        ]

    def test_rows_that_stop_by_different_losses_are_spoken_of(self, results: Results) -> None:
        assert any("each stops by its own" in note for note in named(multi_task(), "epochs").notes)
        assert not any("each stops by its own" in note for note in named(results, "epochs").notes)

    def test_without_runs_and_without_epochs(self) -> None:
        assert texts(named(with_runs(MULTI_TASK, {}), "epochs"))[0][1:4] == ["–", "–", "–"]
        assert texts(named(multi_task(), "epochs"))[0][1:4] == ["7.0 ± 0.0", "–", "–"]
