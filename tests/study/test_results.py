"""What the runs of a table say: figures of rows, which runs are compared how, and what cannot be told apart."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from silktune.outcome import Outcome
from silktune.study.ablation.results import Results
from silktune.study.ablation.table_model import Row, Table
from silktune.study.metric_summary import MetricSummary
from silktune.study.table.ablation_sheets import sheets
from silktune.study.table.differences import differences
from tests.study.tables import FACTS, MULTI_TASK, SINGLE_TASK, finished, multi_task, outcomes, single_task

MTL, FOCAL, ALL, BOTH = MULTI_TASK.rows
VARIABLES = [variable.name for variable in FACTS.variables]


def run(f1: float) -> Outcome:
    return finished(dict.fromkeys(VARIABLES, f1))


def results(values: dict[str, list[float]], table: Table = MULTI_TASK) -> Results:
    """Row's id → mean F1 of its runs 1, 2, …; nan: no outcome."""
    return Results(table, FACTS, {
        table.trial(row, number).id: run(f1)
        for row in table.rows for number, f1 in enumerate(values.get(row.id, []), start=1) if not math.isnan(f1)
    })  # fmt: skip


def with_row(table: Table, row: Row, **changes: object) -> Table:
    """The table with another version of a row."""
    return table.model_copy(
        update={"rows": tuple(one.model_copy(update=changes) if one.id == row.id else one for one in table.rows)}
    )


def with_row_again(row: Row, name: str) -> Row:
    """A row that shows the runs of another one."""
    return row.model_copy(update={"id": name, "line": name, "same_as": row.id})


class TestFigures:
    def test_are_those_of_p23_from_runs_that_have_them(self) -> None:
        found = multi_task().summary(FOCAL, "mean_f1")
        assert found == MetricSummary(pytest.approx(0.326), pytest.approx(0.0111), 5)  # type: ignore[arg-type]
        assert str(found) == "32.6 ± 1.11"

    def test_of_single_task_networks_are_those_of_their_variable(self) -> None:
        found = single_task()
        row = found.table.row("C", "place")
        assert found.summary(row, "mean_f1") == found.summary(row, "place.f1")
        assert found.summary(row, "material.f1") is None

    def test_are_over_the_runs_that_there_are(self) -> None:
        found = results({"MTL": [0.2, math.nan, 0.4], "MTL^fo": [0.3]})
        assert found.values(MTL, "mean_f1") == pytest.approx({1: 0.2, 3: 0.4})
        assert str(found.summary(MTL, "mean_f1")) == "30.0 ± 14.14"
        assert str(found.summary(FOCAL, "mean_f1")) == "30.0"
        assert found.summary(ALL, "mean_f1") is None

    def test_leave_out_what_failed_and_say_why(self) -> None:
        reached = run(0.9).model_copy(update={"state": "failed", "reason": "the loss is nan"})
        empty = Outcome(state="failed", reason="out of memory")
        made = results({"MTL": [0.2, 0.3]}).outcomes
        found = Results(MULTI_TASK, FACTS, {**made, "MTL-run3": reached, "MTL-fo-run1": empty})
        assert list(found.values(MTL, "mean_f1")) == [1, 2]
        assert found.failures() == ["row 'MTL', run 3: the loss is nan", "row 'MTL^fo', run 1: out of memory"]

    def test_leave_out_what_was_not_tested(self) -> None:
        untested = run(0.2).model_copy(update={"test": None})
        assert Results(MULTI_TASK, FACTS, {"MTL-run1": untested}).summary(MTL, "mean_f1") is None

    def test_of_a_class_are_over_the_runs_in_which_it_has_one(self) -> None:
        made = results({"MTL": [0.2, 0.4]}).outcomes
        test = made["MTL-run1"].test
        assert test is not None
        place = test.variables[1]
        nothing = place.classes[0].model_copy(update={"f1": None})
        place = place.model_copy(update={"classes": (nothing, *place.classes[1:])})
        test = test.model_copy(update={"variables": (test.variables[0], place, test.variables[2])})
        found = Results(MULTI_TASK, FACTS, {**made, "MTL-run1": made["MTL-run1"].model_copy(update={"test": test})})
        assert list(found.values(MTL, f"place.{nothing.name}.f1")) == [2]
        assert list(found.values(MTL, "mean_f1")) == [1, 2]

    def test_count_runs_beyond_those_of_the_table(self) -> None:
        assert multi_task().most_runs == 5
        assert results({}).most_runs == 5
        found = results({"MTL^fo": [0.3] * 7})
        assert found.most_runs == 7
        assert len(found.values(FOCAL, "mean_f1")) == 7

    @pytest.mark.parametrize(
        ("done", "runs"),  # of each of the four rows; the table's are five
        [((0, 0, 0, 0), 5), ((2, 2, 2, 2), 5), ((7, 7, 7, 7), 7), ((7, 6, 7, 7), 6), ((7, 3, 7, 7), 5)],
    )
    def test_speak_of_as_many_runs_as_asked_for_or_more_where_every_row_has_them(
        self, done: tuple[int, ...], runs: int
    ) -> None:
        found = results({row.id: [0.3] * n for row, n in zip(MULTI_TASK.rows, done, strict=True)})
        assert found.runs == runs

    def test_that_failed_beyond_what_is_asked_for_are_no_failures_of_the_table(self) -> None:
        made = dict(results({row.id: [0.3] * 5 for row in MULTI_TASK.rows}).outcomes)
        made["MTL-run6"] = Outcome(state="failed", reason="why")
        found = Results(MULTI_TASK, FACTS, made)
        assert (found.runs, found.failures()) == (5, [])

    def test_count_runs_beyond_one_that_is_missing_in_every_row(self) -> None:
        found = results({"MTL": [0.3] * 5 + [math.nan, 0.3]})
        assert list(found.values(MTL, "mean_f1")) == [1, 2, 3, 4, 5, 7]

    def test_look_at_no_outcome_of_something_else(self) -> None:
        found = Results(MULTI_TASK, FACTS, {"t007": run(0.1), "final-t007-run99": run(0.2), "MTL-run": run(0.3)})
        assert found.most_runs == 5
        assert all(found.summary(row, "mean_f1") is None for row in MULTI_TASK.rows)

    def test_of_rows_with_the_same_experiment_are_from_the_same_runs(self) -> None:
        table = with_row(MULTI_TASK, BOTH, experiment=FOCAL.experiment, same_as=FOCAL.id)
        shown = table.rows[-1]
        found = results({"MTL": [0.2, 0.3], "MTL^fo": [0.3, 0.5]}, table)
        assert found.values(shown, "mean_f1") == found.values(FOCAL, "mean_f1") != {}
        failed = Results(table, FACTS, {"MTL-fo-run1": Outcome(state="failed", reason="why")})
        assert failed.failures() == ["row 'MTL^fo', run 1: why"]


class TestCompare:
    def test_pairs_the_runs_with_the_same_seed(self) -> None:
        found = results({"MTL": [0.20, 0.30, math.nan, 0.25], "MTL^fo": [0.22, 0.33, 0.9, 0.26]})
        compared = found.compare(FOCAL, MTL, "mean_f1")
        assert compared is not None
        assert compared.test == "paired"
        assert compared.difference == pytest.approx(0.02)
        assert compared.p == pytest.approx(stats.ttest_rel([0.22, 0.33, 0.26], [0.20, 0.30, 0.25]).pvalue)

    def test_of_rows_with_other_seeds_is_welchs(self) -> None:
        other = FOCAL.experiment.with_({"train.seed": 9})
        table = with_row(MULTI_TASK, FOCAL, experiment=other)
        a, b = [0.22, 0.33, 0.9], [0.20, 0.30]
        compared = results({"MTL": b, "MTL^fo": a}, table).compare(table.rows[1], MTL, "mean_f1")
        assert compared is not None
        assert compared.test == "Welch"
        assert compared.p == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue)

    def test_of_fewer_than_two_shared_runs_is_welchs(self) -> None:
        found = results({"MTL": [0.2, 0.3, 0.25], "MTL^fo": [0.4, math.nan, math.nan, 0.5]})
        compared = found.compare(FOCAL, MTL, "mean_f1")
        assert compared is not None
        assert compared.test == "Welch"
        assert compared.difference == pytest.approx(0.2)
        assert compared.p == pytest.approx(stats.ttest_ind([0.4, 0.5], [0.2, 0.3, 0.25], equal_var=False).pvalue)

    def test_of_single_runs_is_a_difference_without_a_judgement(self) -> None:
        compared = results({"MTL": [0.2], "MTL^fo": [0.3]}).compare(FOCAL, MTL, "mean_f1")
        assert compared is not None
        assert compared.difference == pytest.approx(0.1)
        assert math.isnan(compared.p)

    def test_needs_a_run_on_both_sides(self) -> None:
        found = results({"MTL": [0.2, 0.3]})
        assert found.compare(FOCAL, MTL, "mean_f1") is None
        assert found.compare(MTL, FOCAL, "mean_f1") is None


class TestNotSeparable:
    def test_is_the_best_alone_where_it_is_clear(self) -> None:
        found = results({"MTL": [0.20, 0.21, 0.22], "MTL^fo": [0.301, 0.309, 0.32], "MTL+R^all": [0.40, 0.41, 0.421]})
        assert found.not_separable(MULTI_TASK.rows, "mean_f1") == {"MTL+R^all"}

    def test_is_every_row_where_nothing_separates(self) -> None:
        values = {"MTL": [0.2, 0.4, 0.3], "MTL^fo": [0.35, 0.25, 0.31], "MTL+R^all": [0.28, 0.33, 0.41]}
        assert results(values).not_separable(MULTI_TASK.rows, "mean_f1") == set(values)

    def test_is_judged_after_holm(self) -> None:
        """Against the best, MTL has p = 0.018, which among three rows stays and among four does not."""
        values = {"MTL": [0.30, 0.30, 0.31], "MTL^fo": [0.32, 0.33, 0.342]}
        few = {**values, "MTL+R^all": [0.1, 0.11, 0.12]}
        many = {**values, "MTL+R^all": [0.32, 0.31, 0.36], "MTL^fo+R^all": [0.32, 0.31, 0.355]}
        p = results(values).compare(MTL, FOCAL, "mean_f1")
        assert p is not None
        assert 0.05 / 3 < p.p < 0.05 / 2
        assert "MTL" not in results(few).not_separable(MULTI_TASK.rows, "mean_f1")
        assert "MTL" in results(many).not_separable(MULTI_TASK.rows, "mean_f1")

    def test_counts_the_same_runs_in_two_places_once(self) -> None:
        """MTL has p = 0.018 against the best: one of two tests, however often its runs are shown again."""
        values = {"MTL": [0.30, 0.30, 0.31], "MTL^fo": [0.32, 0.33, 0.342], "MTL+R^all": [0.1, 0.11, 0.12]}
        again = [with_row_again(MTL, "again"), with_row_again(MTL, "and again"), with_row_again(FOCAL, "best again")]
        table = MULTI_TASK.model_copy(update={"rows": (*MULTI_TASK.rows[:3], *again)})
        found = results(values, table)
        assert found.not_separable(table.rows, "mean_f1") == {"MTL^fo", "best again"}

    @pytest.mark.parametrize("reference", ["MTL", "MTL^fo"])
    @pytest.mark.parametrize("shift", [0.0, 0.002, 0.004, 0.006, 0.008, 0.010, 0.012])
    def test_agrees_with_the_printed_p_where_the_reference_is_the_best(self, reference: str, shift: float) -> None:
        values = {
            "MTL": [0.40, 0.43, 0.42],
            "MTL^fo": [0.40 - shift, 0.42 - shift, 0.42 - shift],
            "MTL+R^all": [0.1, 0.15, 0.11],
        }
        if reference == "MTL^fo":
            values = dict(zip(("MTL^fo", "MTL", "MTL+R^all"), values.values(), strict=True))
        rows = (*MULTI_TASK.rows[:3], with_row_again(ALL, "again"), with_row_again(MTL, "MTL again"))
        table = MULTI_TASK.model_copy(update={"rows": rows, "reference": reference})
        found = results(values, table)
        bold = found.not_separable(table.rows, "mean_f1")
        for one in differences(found, "mean_f1"):
            if one.comparison:
                assert (one.row.id in bold) == (one.p_holm >= 0.05), one

    def test_agrees_with_the_printed_p_of_single_task_networks(self) -> None:
        """P22's p are corrected over all variables; so is the bold."""
        values = {
            "C* (material)": [0.40, 0.43, 0.42],
            "C (material)": [0.30, 0.41, 0.33],
            "C* (place)": [0.50, 0.51, 0.53],
            "C (place)": [0.40, 0.45, 0.44],
            "C* + sem (place)": [0.49, 0.43, 0.45],
        }
        found = results(values, SINGLE_TASK)
        sheet = next(sheet for sheet in sheets(found) if sheet.name == "rows")
        i = sheet.columns.index("F1")
        bold = {row.id for row, cells in zip(SINGLE_TASK.rows, sheet.rows, strict=True) if cells[i].bold}
        compared = [one for one in differences(found, "mean_f1") if one.comparison]
        assert [one.row.id in bold for one in compared] == [one.p_holm >= 0.05 for one in compared]
        place = [row for row in SINGLE_TASK.rows if row.variable == "place"]
        assert found.not_separable(place, "mean_f1") < bold, "the other variable's tests decide nothing here"

    def test_leaves_out_a_row_with_one_run_even_if_it_is_the_best(self) -> None:
        found = results({"MTL": [0.2, 0.3], "MTL^fo": [0.9], "MTL+R^all": [0.2, 0.31]})
        assert found.not_separable(MULTI_TASK.rows, "mean_f1") == {"MTL", "MTL+R^all"}

    def test_needs_two_rows_that_can_be_judged(self) -> None:
        assert results({}).not_separable(MULTI_TASK.rows, "mean_f1") == set()
        assert results({"MTL": [0.2, 0.3], "MTL^fo": [0.9]}).not_separable(MULTI_TASK.rows, "mean_f1") == set()

    def test_p23_itself_has_three_rows_that_it_cannot_tell_apart(self) -> None:
        seeds = {row.id: row.experiment.with_({"train.seed": 10 * i}) for i, row in enumerate(MULTI_TASK.rows)}
        table = MULTI_TASK.model_copy(
            update={"rows": tuple(row.model_copy(update={"experiment": seeds[row.id]}) for row in MULTI_TASK.rows)}
        )
        f1 = {"MTL": (0.286, 0.0046), "MTL^fo": (0.326, 0.0111), "MTL+R^all": (0.319, 0.0245)}
        found = Results(table, FACTS, outcomes(table, f1 | {"MTL^fo+R^all": (0.336, 0.0103)}))
        assert found.not_separable(table.rows, "mean_f1") == {"MTL^fo", "MTL+R^all", "MTL^fo+R^all"}


def test_facts_know_the_share_of_labelled_images() -> None:
    assert FACTS.labelled("material") == pytest.approx(0.72)
    assert FACTS.labelled("time") == pytest.approx(0.58)
