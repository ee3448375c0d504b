"""The sheet of differences where rows stop when they are decided, and what that means in words."""

from __future__ import annotations

import math

from silktune.study.ablation.decisions import FIRST_LOOK, Decision
from silktune.study.ablation.results import Results
from silktune.study.ablation.table_model import Table
from silktune.study.document.parts import Cell, Column, Sheet
from silktune.study.metric_summary import TITLES
from silktune.study.statistics.sequential import HARDLY
from silktune.study.table import cell_text, test_sets
from silktune.study.table.cell_text import NONE
from silktune.study.table.differences import Difference, differences
from silktune.study.table.row_sheet import by_row

TESTS = {"paired": "paired t-test over the runs with the same seed", "welch": "Welch's t-test"}
RULE = (
    "Decided as planned before the first run: from run {first} on every row that is open is compared with {reference} "
    "after each run, up to run {most} ({test}; group-sequential, Holm's steps over {rows}). A row stops where a "
    "difference is shown, or where the runs left would hardly show one (a chance below {hardly} %). All rows and looks "
    "together find a difference where there is none in 5 of 100 tables at most."
)
READ = (
    "Interval: holds for all rows and looks together (95 %), so it is wider than that of a fixed number of runs. A row "
    "that stopped early is seen rather too far from {reference}: it was stopped when it looked so."
)


def decision_sheet(results: Results, title: str) -> Sheet:
    """Every line against the reference line: the difference at its last look, and what was decided after how many runs.

    Args:
        results: of a table whose rows stop when they are decided.
        title: the sheet's.
    """
    table, compared = results.table, differences(results, results.table.metric)
    columns = [
        Column("difference", [Cell(_difference(one)) for one in compared]),
        Column("interval", [Cell(_interval(one)) for one in compared]),
        *test_sets.difference_columns(results, [(one.row, one.reference) for one in compared], table.metric),
        Column("decided", [Cell(_decided(one, table)) for one in compared]),
    ]
    notes = [rule(table, max(map(results.tests, table.variables))), READ.format(reference=table.reference)]
    notes += test_sets.notes(results, "Interval: over seeds. ")
    return by_row(f"differences-{table.metric}", title, [one.row for one in compared], columns, notes)


def rule(table: Table, rows: int) -> str:
    """How the rows are decided."""
    return RULE.format(
        first=FIRST_LOOK, reference=table.reference, most=table.most, test=TESTS[table.test],
        rows="1 row" if rows == 1 else f"{rows} rows", hardly=f"{100 * HARDLY:g}",
    )  # fmt: skip


def in_words(table: Table, one: Difference) -> str:
    """A row for which no difference was shown, or not yet."""
    decision = one.decision
    assert decision is not None
    metric = TITLES[table.metric]
    if decision.state == "open":
        return f"{one.row.id} is not decided yet: {cell_text.runs_text(decision.runs)} of {table.most} are compared."
    why = (
        f"the {cell_text.runs_text(table.most)} that were planned did not show one"
        if decision.runs == table.most
        else f"after {cell_text.runs_text(decision.runs)} the rest would hardly have shown one"
    )
    return f"{one.row.id}: no difference from {one.reference.id} in {metric} was shown; {why}."


def _difference(one: Difference) -> str:
    return cell_text.points(one.comparison.difference, sign=True) if one.comparison else NONE


def _interval(one: Difference) -> str:
    if one.comparison is None or math.isnan(one.comparison.low):
        return NONE
    return f"[{cell_text.points(one.comparison.low)}, {cell_text.points(one.comparison.high)}]"


def _decided(one: Difference, table: Table) -> str:
    if one.decision is None:
        return NONE
    if one.decision.state == "open":
        return f"open, {one.decision.runs} of {table.most} runs"
    return f"{_found(one.decision)} after {cell_text.runs_text(one.decision.runs)}"


def _found(decision: Decision) -> str:
    if decision.state == "given up" or decision.comparison is None:
        return "no difference shown"
    return "better" if decision.comparison.difference > 0 else "worse"
