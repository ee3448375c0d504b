"""What a table says in sentences, and how many runs it plans."""

from __future__ import annotations

import pytest

from silktune.study.ablation.results import Results
from silktune.study.ablation.table_model import Row, Table
from silktune.study.statistics import runs_needed
from silktune.study.table import runs_planned
from silktune.study.table.in_words import in_words
from silktune.study.table.runs_planned import deviation, planned
from tests.study.tables import FACTS, MULTI_TASK, finished, multi_task, outcomes, single_task

VARIABLES = [variable.name for variable in FACTS.variables]


def with_runs(runs: dict[str, list[float]], **changes: object) -> Results:
    table = MULTI_TASK.model_copy(update=changes)
    return Results(table, FACTS, {
        table.trial(row, run).id: finished(dict.fromkeys(VARIABLES, value))
        for row in table.rows for run, value in enumerate(runs.get(row.id, []), start=1)
    })  # fmt: skip


def many_rows(n: int) -> Table:
    rows = [MULTI_TASK.rows[1].model_copy(update={"id": f"row {i}", "line": f"row {i}"}) for i in range(n)]
    assert isinstance(rows[0], Row)
    return MULTI_TASK.model_copy(update={"rows": (MULTI_TASK.rows[0], *rows)})


class TestInWords:
    def test_a_row_is_better_worse_or_not_known(self) -> None:
        said = in_words(with_runs({
            "MTL": [0.30, 0.31, 0.29, 0.30, 0.30],
            "MTL^fo": [0.40, 0.41, 0.39, 0.40, 0.40],
            "MTL+R^all": [0.20, 0.21, 0.19, 0.20, 0.20],
            "MTL^fo+R^all": [0.31, 0.29, 0.33, 0.26, 0.32],
        }))  # fmt: skip
        assert said == [
            "MTL^fo is better than MTL in F1, by 8.97 to 11.03 points (95 % confidence); more than chance.",
            "MTL+R^all is worse than MTL in F1, by 8.97 to 11.03 points (95 % confidence); more than chance.",
            "MTL^fo+R^all: no difference from MTL was shown; it may be anything from 3.20 points worse to 3.60 points "
            "better.",
            "No difference shown does not mean equal: with 5 runs of each row, one that is smaller than 3.99 points is "
            "easily missed.",
        ]

    def test_a_small_p_that_holm_takes_away_is_told_as_chance(self) -> None:
        f1 = {"MTL": [0.30, 0.30, 0.31], "MTL^fo": [0.32, 0.33, 0.342], "MTL+R^all": [0.32, 0.31, 0.36]}
        said = in_words(with_runs(f1 | {"MTL^fo+R^all": [0.32, 0.31, 0.355]}))
        assert said[0].endswith(
            "It looks like one, but among 3 comparisons chance alone makes such a difference too often."
        )
        assert not said[1].endswith("too often.")

    def test_a_row_is_as_good_where_the_whole_interval_is_smaller_than_what_matters(self) -> None:
        runs = {"MTL": [0.300, 0.302, 0.299, 0.301, 0.300], "MTL^fo": [0.301, 0.300, 0.302, 0.299, 0.3003]}
        assert in_words(with_runs(runs))[0].startswith("MTL^fo: no difference from MTL was shown;")
        said = in_words(with_runs(runs, smallest_effect=0.01))[0]
        assert said.startswith("MTL^fo is as good as MTL: the difference in F1, from ")
        assert said.endswith("is smaller than the 1.00 points that matter here.")
        assert "no difference" in in_words(with_runs(runs, smallest_effect=0.0005))[0]

    def test_of_many_rows_only_those_that_differ_have_a_sentence(self) -> None:
        table = many_rows(20)
        f1 = {row.id: (0.3, 0.01) for row in table.rows} | {"row 7": (0.5, 0.01)}
        said = in_words(Results(table, FACTS, outcomes(table, f1)))
        assert [sentence.partition(" is ")[0] for sentence in said[:1]] == ["row 7"]
        assert said[1] == "The other 19 rows: no difference from MTL was shown."
        assert said[2].startswith("No difference shown does not mean equal: with 5 runs of each row, ")

    def test_says_nothing_before_there_is_a_test(self) -> None:
        assert in_words(multi_task(1)) == []
        assert in_words(Results(MULTI_TASK, FACTS, {})) == []

    def test_judges_by_the_tables_metric(self) -> None:
        judged = Results(MULTI_TASK.model_copy(update={"metric": "OA"}), FACTS, multi_task().outcomes)
        assert in_words(judged)[0].startswith("MTL^fo is better than MTL in OA, by 1.32 to 2.68 points")


class TestPlanned:
    def test_runs_at_the_deviation_seen_and_at_what_it_may_be(self) -> None:
        results = with_runs({row.id: [0.30, 0.31, 0.29, 0.32, 0.28] for row in MULTI_TASK.rows}, smallest_effect=0.01)
        seen = deviation(results, "")
        assert seen is not None
        assert (seen.size, seen.df) == (pytest.approx(0.0158, abs=1e-4), 16)
        at = runs_needed.planned(0.01 / seen.size, 3, "Welch")
        most = runs_needed.planned(0.01 / seen.most, 3, "Welch")
        assert planned(results) == [
            "To find a difference of 1.00 points in F1 in 4 of 5 cases (Welch test, p < 0.05 after Holm's correction "
            "for 3 tests):",
            f"{at} runs of each row if they deviate by 1.58 points, the deviation seen; {most} if they do by 2.24, "
            "which the runs that are done do not rule out.",
        ]

    def test_a_paired_test_is_planned_by_the_deviation_of_differences(self) -> None:
        shared = [0.00, 0.05, -0.04, 0.03, -0.02]
        own = [0.001, -0.001, 0.002, 0.0, -0.001]
        runs = {"MTL": [0.3 + x for x in shared], "MTL^fo": [0.31 + x + y for x, y in zip(shared, own, strict=True)]}
        paired = deviation(with_runs(runs, test="paired"), "")
        welch = deviation(with_runs(runs), "")
        assert paired is not None
        assert welch is not None
        assert paired.size < 0.1 * welch.size
        assert (paired.df, welch.df) == (4, 8)

    def test_without_a_run_it_is_a_guess(self) -> None:
        table = MULTI_TASK.model_copy(update={"smallest_effect": 0.01})
        at, most = (runs_needed.planned(1 / size, 3, "Welch") for size in (1, 2))
        assert planned(Results(table, FACTS, {}))[1] == (
            f"{at} runs of each row if they deviate by 1.00 points, a guess: no row has two runs yet; {most} if they "
            "do by 2.00."
        )

    def test_every_variable_of_single_task_networks_has_its_own(self) -> None:
        results = single_task()
        results.table = results.table.model_copy(update={"smallest_effect": 0.02})
        said = planned(results)
        assert [sentence.partition(":")[0] for sentence in said[1:]] == ["material", "place"]
        assert "for 2 tests" in said[0]

    def test_without_a_smallest_effect_it_says_what_the_runs_can_find(self) -> None:
        found, hint = planned(multi_task())
        assert found == runs_planned.what_is_found(multi_task())[0]
        assert hint.startswith("With smallest_effect: 1.0 (points) in the table's file, ")

    def test_a_table_of_one_row_plans_nothing(self) -> None:
        table = MULTI_TASK.model_copy(update={"rows": MULTI_TASK.rows[:1]})
        assert planned(Results(table, FACTS, {})) == []
