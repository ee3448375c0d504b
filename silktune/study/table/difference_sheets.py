"""The sheets of differences from the reference: the table's metric, tested, and the exploratory ones."""

from __future__ import annotations

import math
from collections.abc import Sequence

from silktune.study.ablation.results import Results
from silktune.study.document.parts import Cell, Column, Sheet
from silktune.study.metric_summary import TITLES
from silktune.study.statistics import MOST_RUNS, runs_needed, seed_correlation
from silktune.study.table import cell_text, test_sets
from silktune.study.table.cell_text import NONE
from silktune.study.table.decision_sheet import decision_sheet
from silktune.study.table.differences import Difference, differences, means
from silktune.study.table.row_sheet import by_row
from silktune.study.table.runs_planned import what_is_found

SAME = f"{NONE} for p: the difference does not vary from run to run, so no test can say if it is more than chance."
OVER_SPLITS = (
    "Paired t-test over {splits} splits, of each the mean of its runs; corrected for training sets that overlap "
    "(Nadeau and Bengio). The interval holds another draw of the images too, not seeds alone."
)
TESTS = {"paired": "Paired t-test over the runs with the same seed", "Welch": "Welch's t-test"}
EXPLORATORY = (
    "Exploratory: this table was made to judge {metric}. A p here is not corrected for how many there are; it may say "
    "what to test next, and shows nothing."
)
NEEDED = (
    "Runs needed: of each row, to find the true difference in 4 of 5 cases at Holm's first step; as an interval (95 % "
    "confidence), from {least} runs on. Decide on a number before you make them: who adds runs until p is small finds "
    "differences that are not there, in about 10 of 100 tables."
)


def difference_sheets(results: Results) -> list[Sheet]:
    """Every line against the reference line: the metric of the table first, then the exploratory ones."""
    metric = results.table.metric
    primary = decision_sheet(results, _title(results, metric)) if results.table.at_most else _primary(results)
    return [primary, *(_exploratory(results, other) for other in means(results) if other != metric)]


def _primary(results: Results) -> Sheet:
    compared, metric = differences(results, results.table.metric), results.table.metric
    heads = ("difference", "95 % CI", "p", "p (Holm)", "runs needed")
    texts = [[*_difference(one), cell_text.p_text(one.p_holm), _needed(one, results.table.splits)] for one in compared]
    columns = [Column(head, [Cell(text[i]) for text in texts]) for i, head in enumerate(heads)]
    columns[2:2] = _on_test_sets(results, compared, metric)
    return by_row(f"differences-{metric}", _title(results, metric), [one.row for one in compared], columns, [
        *_tests(results, compared, metric), *_family(results, compared), *_untestable(compared),
        *what_is_found(results), *_needed_note(compared, results.table.splits),
        *test_sets.notes(results, "95 % CI and p: over seeds. "),
    ])  # fmt: skip


def _exploratory(results: Results, metric: str) -> Sheet:
    compared = differences(results, metric)
    texts = [_difference(one) for one in compared]
    columns = [Column(head, [Cell(t[i]) for t in texts]) for i, head in enumerate(("difference", "95 % CI", "p"))]
    columns[2:2] = _on_test_sets(results, compared, metric)
    title = f"{_title(results, metric)} (exploratory)"
    notes = [*_tests(results, compared, metric), *_untestable(compared)]
    if any(one.tested for one in compared):
        notes.append(EXPLORATORY.format(metric=TITLES[results.table.metric]))
    return by_row(f"differences-{metric}", title, [one.row for one in compared], columns, notes)


def _on_test_sets(results: Results, compared: Sequence[Difference], metric: str) -> list[Column]:
    return test_sets.difference_columns(results, [(one.row, one.reference) for one in compared], metric)


def _title(results: Results, metric: str) -> str:
    return f"{TITLES[metric]}: difference from {results.table.reference} in percentage points"


def _difference(one: Difference) -> list[str]:
    """The difference, its interval and p."""
    comparison = one.comparison
    if comparison is None:
        return [NONE] * 3
    difference = cell_text.points(comparison.difference, sign=True)
    if math.isnan(comparison.p):
        return [difference, NONE, NONE]
    interval = f"[{cell_text.points(comparison.low)}, {cell_text.points(comparison.high)}]"
    return [difference, interval, cell_text.p_text(comparison.p)]


def _needed(one: Difference, splits: int) -> str:
    """Between how many runs per row and how many; of runs on several splits nothing is said."""
    if splits > 1 or not one.comparison or not (known := runs_needed.interval(one.comparison, one.runs, one.tests)):
        return NONE
    low, high = known
    if low >= MOST_RUNS:
        return f"> {MOST_RUNS:,}"
    if high is None:
        return f"{low:,} or more"
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _needed_note(compared: Sequence[Difference], splits: int) -> list[str]:
    known = any(_needed(one, splits) != NONE for one in compared)
    return [NEEDED.format(least=runs_needed.FEWEST_FOR_INTERVAL)] * known


def _tests(results: Results, compared: Sequence[Difference], metric: str) -> list[str]:
    """Which test was done over how many runs, who chose it, and how far runs with the same seed go together."""
    tests: dict[str, list[Difference]] = {}
    for one in compared:
        if one.comparison and one.tested:
            tests.setdefault(one.comparison.test, []).append(one)
    if not tests:
        return [] if _untestable(compared) else ["A test needs two finished runs of a row and two of the reference."]
    if results.table.splits > 1:
        return [OVER_SPLITS.format(splits=max(one.runs for one in compared))]
    said = []
    for test, ones in tests.items():
        counts = sorted({one.runs for one in ones})
        runs = cell_text.runs_text(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]} runs"
        rows = f" ({', '.join(one.row.id for one in ones)})" if len(tests) > 1 else ""
        said.append(f"{TESTS[test]}, {runs} per row{rows}.")
    said[-1] += f" The table named it before any run (test: {results.table.test})."
    if metric != results.table.metric:
        return said
    return said + _correlation(results, metric, max(one.runs for one in compared), max(one.tests for one in compared))


def _correlation(results: Results, metric: str, runs: int, tests: int) -> list[str]:
    """How far runs with the same seed go up and down together, and from where on that would be worth a paired test."""
    table = results.table
    measured = []
    for variable in table.variables:
        owners = {row.owner: row for row in table.rows if row.variable == variable}
        r = seed_correlation(results.seeded(list(owners.values()), metric))
        if not math.isnan(r):
            measured.append(f"{r:.2f}".replace("-", "−") + (f" ({variable})" if variable else ""))
    pays = runs_needed.pairing_pays(runs, tests)
    return [
        f"Runs with the same seed correlate by r = {', '.join(measured)}. With so many runs and tests, a paired test "
        f"finds more than Welch's above r = {pays:.2f}."
    ] * bool(measured)


def _family(results: Results, compared: Sequence[Difference]) -> list[str]:
    tested = {one.row.owner: one.tests for one in compared if one.tested}
    if not tested:
        return []
    counts = sorted(set(tested.values()))
    number = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    of = "of each variable" if any(results.table.variables) else "of this sheet"
    metric = TITLES[results.table.metric]
    s = "s" * (counts[-1] > 1)
    return [f"p (Holm): corrected for the {number} test{s} {of}. {metric} is what the table judges; all else explores."]


def _untestable(compared: Sequence[Difference]) -> list[str]:
    return [SAME] * any(one.runs > 1 and one.comparison is not None and not one.tested for one in compared)
