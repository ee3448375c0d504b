"""What the runs of a table say: figures of rows, which runs are compared how, and what cannot be told apart."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from silktune.outcome import Outcome
from silktune.study.ablation.results import Results
from silktune.study.ablation.table_model import Row, Table
from silktune.study.data_facts import SplitFacts
from silktune.study.metric_summary import MetricSummary
from silktune.study.statistics import holm, inseparable
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


PAIRED = MULTI_TASK.model_copy(update={"test": "paired"})


class TestCompare:
    def test_is_welchs_test_over_all_runs(self) -> None:
        a, b = [0.22, 0.33, 0.9, 0.26], [0.20, 0.30, 0.25]
        compared = results({"MTL": b, "MTL^fo": a}).compare(FOCAL, MTL, "mean_f1")
        assert compared is not None
        assert compared.test == "Welch"
        assert compared.p == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue)

    def test_pairs_the_runs_with_the_same_seed_where_the_table_says_so(self) -> None:
        found = results({"MTL": [0.20, 0.30, math.nan, 0.25], "MTL^fo": [0.22, 0.33, 0.9, 0.26]}, PAIRED)
        compared = found.compare(FOCAL, MTL, "mean_f1")
        assert compared is not None
        assert compared.test == "paired"
        assert compared.difference == pytest.approx(0.02)
        assert compared.p == pytest.approx(stats.ttest_rel([0.22, 0.33, 0.26], [0.20, 0.30, 0.25]).pvalue)

    @pytest.mark.parametrize("gap", [0.001, 0.2])
    @pytest.mark.parametrize("table", [MULTI_TASK, PAIRED])
    def test_never_chooses_its_test_by_what_was_found(self, gap: float, table: Table) -> None:
        b = [0.20, 0.30, 0.25]
        compared = results({"MTL": b, "MTL^fo": [x + gap + 0.001 * x for x in b]}, table).compare(FOCAL, MTL, "mean_f1")
        assert compared is not None
        assert compared.test == ("paired" if table is PAIRED else "Welch")

    def test_of_rows_with_other_seeds_is_never_paired(self) -> None:
        other = FOCAL.experiment.with_({"train.seed": 9})
        table = with_row(PAIRED, FOCAL, experiment=other)
        a, b = [0.22, 0.33, 0.9], [0.20, 0.30]
        compared = results({"MTL": b, "MTL^fo": a}, table).compare(table.rows[1], MTL, "mean_f1")
        assert compared is not None
        assert compared.test == "Welch"
        assert compared.p == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue)

    def test_of_fewer_than_two_shared_runs_is_welchs(self) -> None:
        found = results({"MTL": [0.2, 0.3, 0.25], "MTL^fo": [0.4, math.nan, math.nan, 0.5]}, PAIRED)
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


class TestFamilies:
    def test_hold_every_row_against_the_reference(self) -> None:
        found = multi_task().against_reference("mean_f1")
        ps = [one.comparison.p for one in found.values() if one.comparison]
        assert list(found) == ["MTL^fo", "MTL+R^all", "MTL^fo+R^all"]
        assert [one.p_holm for one in found.values()] == holm(ps)
        assert {one.tests for one in found.values()} == {3}

    def test_are_one_for_each_variable_of_single_task_networks(self) -> None:
        found = single_task()
        tested = found.against_reference("mean_f1")
        for variable in ("material", "place"):
            own = [one for name, one in tested.items() if name.endswith(f"({variable})")]
            ps = [one.comparison.p for one in own if one.comparison]
            assert [one.p_holm for one in own] == holm(ps)
            assert (len(own), {one.tests for one in own}) == (2, {2})
            assert found.tests(variable) == 2

    def test_count_the_same_runs_in_two_places_once_and_what_is_no_test_never(self) -> None:
        again = [with_row_again(FOCAL, "again"), with_row_again(MTL, "reference again")]
        table = MULTI_TASK.model_copy(update={"rows": (*MULTI_TASK.rows[:3], *again)})
        values = {"MTL": [0.30, 0.30, 0.31], "MTL^fo": [0.32, 0.33, 0.342], "MTL+R^all": [0.4, 0.4, 0.4]}
        found = results(values, table)
        tested = found.against_reference("mean_f1")
        assert tested["again"] == tested["MTL^fo"]
        assert tested["MTL^fo"].comparison
        assert tested["MTL^fo"].p_holm == tested["MTL^fo"].comparison.p, "one test, which needs no correction"
        assert tested["reference again"].comparison is None
        assert math.isnan(tested["MTL+R^all"].p_holm)
        assert (tested["MTL^fo"].tests, found.tests("")) == (1, 2)


class TestBest:
    def test_is_alone_where_it_is_clear(self) -> None:
        values = {"MTL": [0.20, 0.21, 0.22], "MTL^fo": [0.301, 0.309, 0.32], "MTL+R^all": [0.60, 0.61, 0.621]}
        assert results(values).best(MULTI_TASK.rows, "mean_f1") == {"MTL+R^all": True}

    def test_is_every_row_where_nothing_separates(self) -> None:
        values = {"MTL": [0.2, 0.4, 0.3], "MTL^fo": [0.35, 0.25, 0.31], "MTL+R^all": [0.28, 0.33, 0.41]}
        assert results(values).best(MULTI_TASK.rows, "mean_f1") == dict.fromkeys(values, True)

    def test_is_what_the_statistics_say_of_the_runs_by_seed(self) -> None:
        values = {"MTL": [0.2, 0.22, math.nan, 0.23], "MTL^fo": [0.3, 0.33, 0.32, 0.3], "MTL+R^all": [0.31, 0.3, 0.35]}
        found = results(values)
        runs = found.seeded(MULTI_TASK.rows, "mean_f1")
        assert runs.shape == (4, 4)
        ids = {MULTI_TASK.rows[i].id for i in inseparable(runs)}
        assert ids == found.best(MULTI_TASK.rows, "mean_f1").keys() == {"MTL^fo", "MTL+R^all"}

    def test_takes_the_same_runs_in_two_places_once(self) -> None:
        values = {"MTL": [0.20, 0.21, 0.22], "MTL^fo": [0.50, 0.51, 0.53], "MTL+R^all": [0.1, 0.11, 0.12]}
        again = [with_row_again(MTL, "again"), with_row_again(FOCAL, "best again")]
        table = MULTI_TASK.model_copy(update={"rows": (*MULTI_TASK.rows[:3], *again)})
        found = results(values, table)
        assert found.best(table.rows, "mean_f1") == {"MTL^fo": True, "best again": True}
        alone = results(values).seeded(MULTI_TASK.rows[:3], "mean_f1")
        assert np.array_equal(found.seeded(table.rows[:3], "mean_f1"), alone)

    def test_shares_no_seed_with_a_row_of_other_seeds(self) -> None:
        table = with_row(MULTI_TASK, FOCAL, experiment=FOCAL.experiment.with_({"train.seed": 9}))
        found = results({"MTL": [0.2, 0.3], "MTL^fo": [0.3, 0.4]}, table).seeded(table.rows[:2], "mean_f1")
        assert np.isfinite(found).sum(1).tolist() == [2, 2]
        assert found.shape == (2, 4)

    def test_is_looked_for_in_each_variable_by_itself(self) -> None:
        assert single_task().best(SINGLE_TASK.rows, "mean_f1").keys() >= {"C (material)", "C (place)", "C* (place)"}

    def test_a_row_of_two_runs_is_not_judged_even_if_it_is_the_best(self) -> None:
        found = results({"MTL": [0.2, 0.3, 0.25], "MTL^fo": [0.9, 0.91], "MTL+R^all": [0.2, 0.31, 0.3]})
        judged = {"MTL": True, "MTL^fo": False, "MTL+R^all": True}
        assert found.best(MULTI_TASK.rows, "mean_f1") == judged

    def test_needs_two_rows_that_can_be_judged(self) -> None:
        assert results({}).best(MULTI_TASK.rows, "mean_f1") == {}
        assert results({"MTL": [0.2, 0.3, 0.1], "MTL^fo": [0.9, 0.8]}).best(MULTI_TASK.rows, "mean_f1") == {}

    def test_p23_itself_has_three_rows_that_it_cannot_tell_apart(self) -> None:
        seeds = {row.id: row.experiment.with_({"train.seed": 10 * i}) for i, row in enumerate(MULTI_TASK.rows)}
        table = MULTI_TASK.model_copy(
            update={"rows": tuple(row.model_copy(update={"experiment": seeds[row.id]}) for row in MULTI_TASK.rows)}
        )
        f1 = {"MTL": (0.286, 0.0046), "MTL^fo": (0.326, 0.0111), "MTL+R^all": (0.319, 0.0245)}
        found = Results(table, FACTS, outcomes(table, f1 | {"MTL^fo+R^all": (0.336, 0.0103)}))
        assert found.best(table.rows, "mean_f1").keys() == {"MTL^fo", "MTL+R^all", "MTL^fo+R^all"}


def test_facts_know_the_share_of_labelled_images() -> None:
    assert FACTS.labelled("material") == pytest.approx(0.72)
    assert FACTS.labelled("time") == pytest.approx(0.58)


MEANS = {"MTL": [0.30, 0.35, 0.28, 0.32, 0.35, 0.30], "MTL^fo": [0.35, 0.36, 0.33, 0.35, 0.38, 0.33]}
THREE_FIFTHS = SplitFacts(digest="", images={"train": 60, "validation": 20, "test": 20}, split_seed=0, min_records=3)


def on_splits(values: dict[str, list[float]], table: Table) -> Results:
    found = results(values, table)
    return Results(table, FACTS.model_copy(update={"split": THREE_FIFTHS}), found.outcomes)


class TestSplits:
    """Runs that take several splits of the data set in turn."""

    TABLE = MULTI_TASK.model_copy(update={"splits": 3, "runs": 6})

    def test_run_r_is_of_the_next_split_and_has_the_next_seed(self) -> None:
        seeded = [self.TABLE.trial(MTL, run).seeded() for run in range(1, 7)]
        assert [one.data.split_seed for one in seeded] == [0, 1, 2, 0, 1, 2]
        assert len({one.train.seed for one in seeded}) == 6

    def test_of_each_the_runs_are_averaged_and_splits_are_paired_for_what_they_share(self) -> None:
        found = on_splits(MEANS, self.TABLE)
        assert found.by_split(MTL, "mean_f1") == pytest.approx({0: 0.31, 1: 0.35, 2: 0.29})
        overlap = 20 / 60
        compared = found.compare(FOCAL, MTL, "mean_f1")
        differences = np.array([0.04, 0.02, 0.04])
        error = differences.std(ddof=1) * math.sqrt(1 / 3 + overlap)
        assert compared is not None
        assert compared.p == pytest.approx(2 * stats.t.sf(differences.mean() / error, 2))
        assert compared.high - compared.difference == pytest.approx(stats.t.ppf(0.975, 2) * error)

    def test_one_split_alone_is_no_test(self) -> None:
        compared = on_splits({"MTL": [0.3], "MTL^fo": [0.4]}, self.TABLE).compare(FOCAL, MTL, "mean_f1")
        assert compared is not None
        assert math.isnan(compared.p)

    def test_fewer_rows_are_told_from_the_best_than_if_they_were_other_data(self) -> None:
        rng = np.random.default_rng(0)
        values = {row.id: list(0.3 + 0.01 * i + 0.02 * rng.normal(size=6)) for i, row in enumerate(MULTI_TASK.rows)}
        several = on_splits(values, MULTI_TASK.model_copy(update={"splits": 6, "runs": 6}))
        one = results(values, MULTI_TASK.model_copy(update={"runs": 6}))
        assert one.best(MULTI_TASK.rows, "mean_f1").keys() < several.best(MULTI_TASK.rows, "mean_f1").keys()
