"""The sheets of an ablation: the terminal, Markdown and LaTeX print the same.

Metrics are in percent, differences in percentage points. Nothing depends on how long something took.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from silktune.data.statistics import class_statistics
from silktune.data.variables import BACKGROUND
from silktune.outcome import MEANS, VARIABLE_FIGURES
from silktune.study.ablation.results import Results
from silktune.study.ablation.table_model import Row
from silktune.study.document.parts import Cell, Column, Sheet
from silktune.study.search_report import TITLES
from silktune.study.statistics import MOST_RUNS, Comparison
from silktune.study.table import cell_text
from silktune.study.table.cell_text import NONE, RARE
from silktune.study.table.differences import Difference, differences, gains, variables

F1 = (
    "with background: background counts as a class; under-represented: only the classes with fewer than 1/K of the "
    "labels of their variable, which has K classes; OA: overall accuracy."
)
NEEDED = (
    "Runs needed: per row, to find a difference of this size at p < 0.05 (uncorrected) with a power of 80 %; "
    "more runs: those of them that are still to be done."
)
MOST_FAILURES = 5  # that a sheet names; table.md ends with all of them
SAME = f"{NONE} for p: the difference does not vary from run to run, so no test can say if it is more than chance."
TESTS = {"paired": "Paired t-test over the runs with the same seed", "Welch": "Welch's t-test"}


def sheets(results: Results) -> list[Sheet]:
    """All tables of an ablation, the most important first.

    Bold are the rows that cannot be told from the best (`Results.not_separable`), never just the largest number.
    """
    return [
        _rows(results),
        *(_differences(results, metric) for metric in MEANS),
        *(_variables(results, mean, name) for mean, name in zip(MEANS, VARIABLE_FIGURES, strict=True)),
        *(_classes(results, variable) for variable in variables(results)),
        *_gains(results),
    ]


def _rows(results: Results) -> Sheet:
    """Every row: its runs, the four means, and the paper's metrics beside those that it prints."""
    table = results.table
    rows = [row for variable in table.variables for row in table.rows if row.variable == variable]
    columns = [Column("runs", [Cell(str(len(results.scores(row)))) for row in rows])]
    for mean, name in zip(MEANS, VARIABLE_FIGURES, strict=True):
        columns.append(Column(TITLES[mean], cell_text.metric_cells(results, rows, mean)))
        columns += cell_text.paper_column([(row, f"{row.variable}.{name}" if row.variable else mean) for row in rows])
    single = any(table.variables)
    what = f"F1: the mean over the classes of a variable{'' if single else ' and over the variables'}; {F1}"
    same = [f"{row.id} is the same experiment as {row.same_as} and shows its runs." for row in rows if row.same_as]
    within = "of its column for its variable" if single else "of its column"
    notes = [what, *cell_text.legend(results, columns, within), *same, *_failed(results)]
    return _by_row("rows", "Average F1 and overall accuracy [%]", rows, columns, notes)


def _failed(results: Results) -> list[str]:
    """The cells without a metric because their run failed, the first of them."""
    said = [failure.removesuffix(".") for failure in results.failures()]
    more = [f"{len(said) - MOST_FAILURES} more"] * (len(said) > MOST_FAILURES)
    return [f"Failed: {'; '.join([*said[:MOST_FAILURES], *more])}."] if said else []


def _differences(results: Results, metric: str) -> Sheet:
    """Every line against the reference line, with what can be said of the difference."""
    found = differences(results, metric)
    heads = ("difference", "95 % CI", "p", "p (Holm)", "runs needed", "more runs")
    texts = [_difference(one) for one in found]
    columns = [Column(head, [Cell(text[i]) for text in texts]) for i, head in enumerate(heads)]
    title = f"{TITLES[metric]}: difference from {results.table.reference} in percentage points"
    return _by_row(f"differences-{metric}", title, [one.row for one in found], columns, _tests(found))


def _difference(one: Difference) -> list[str]:
    comparison = one.comparison
    if comparison is None:
        return [NONE] * 6
    difference = cell_text.points(comparison.difference, sign=True)
    if math.isnan(comparison.p):
        return [difference, *[NONE] * 5]
    interval = f"[{cell_text.points(comparison.low)}, {cell_text.points(comparison.high)}]"
    return [
        difference,
        interval,
        cell_text.p_text(comparison.p),
        cell_text.p_text(one.p_holm),
        *_needed(comparison, one.runs),
    ]


def _needed(comparison: Comparison, runs: int) -> tuple[str, str]:
    """How many runs per row would separate the rows, and how many more that is than there are."""
    if comparison.runs_needed is None:
        return f"> {MOST_RUNS:,}", NONE
    more = comparison.runs_needed - runs
    return f"{comparison.runs_needed:,}", f"+{more:,}" if more > 0 else "enough"


def _tests(found: Sequence[Difference]) -> list[str]:
    """Which test was done over how many runs, and how to read the columns."""
    tests: dict[str, list[Difference]] = {}
    for one in found:
        if one.comparison and not math.isnan(one.comparison.p):
            tests.setdefault(one.comparison.test, []).append(one)
    same = [SAME] * any(one.runs > 1 and one.comparison and math.isnan(one.comparison.p) for one in found)
    if not tests:
        return same or ["A test needs two finished runs of a row and two of the reference."]
    said = []
    for test, ones in tests.items():
        counts = sorted({one.runs for one in ones})
        runs = cell_text.runs_text(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]} runs"
        rows = f" ({', '.join(one.row.id for one in ones)})" if len(tests) > 1 else ""
        said.append(f"{TESTS[test]}, {runs} per row{rows}.")
    tested = len({one.row.owner for ones in tests.values() for one in ones})
    return [*said, f"p (Holm): corrected for the {tested} test{'s' * (tested > 1)} of this table.", *same, NEEDED]


def _variables(results: Results, mean: str, name: str) -> Sheet:
    """One metric of every line for every variable; of single-task networks it is their mean, one family of tests."""
    table, single = results.table, any(results.table.variables)
    means = dict(zip([row.id for row in table.rows], cell_text.metric_cells(results, table.rows, mean), strict=True))
    columns = []
    for variable in variables(results):
        rows = [table.row(line, variable) for line in table.lines]
        own = [means[row.id] for row in rows] if single else cell_text.metric_cells(results, rows, (variable, name))
        columns.append(Column(variable, own))
        columns += cell_text.paper_column([(row, f"{variable}.{name}") for row in rows])
    title = f"{TITLES[mean]} per variable [%]"
    lines = Column("experiment", [Cell(line) for line in table.lines])
    return Sheet.of(name, title, [lines, *columns], cell_text.legend(results, columns, "of its column"))


def _classes(results: Results, variable: str) -> Sheet:
    """F1 of every line for every class, the most frequent class first and background last."""
    facts, table = results.facts.variable(variable), results.table
    rare = dict(zip(facts.counts, class_statistics(facts.counts).minority_mask, strict=True))
    counts = dict(sorted(facts.counts.items(), key=lambda item: -item[1]))
    counts |= {BACKGROUND: facts.background} if facts.background else {}
    rows = [table.row(line, variable) for line in table.lines]
    found = [cell_text.metric_cells(results, rows, (variable, name, "f1")) for name in counts]
    metrics = [Column(line, [row[i] for row in found]) for i, line in enumerate(table.lines)]
    names = Column("class", [Cell(f"{name} {RARE}" if rare.get(name) else name) for name in counts])
    images = Column("images", [Cell(f"{count:,}") for count in counts.values()])
    notes = [f"{RARE}: under-represented, fewer than 1/{len(rare)} of the labels."] * any(rare.values())
    notes = ["Images: in the whole data set.", *notes, *cell_text.legend(results, metrics, "of its row")]
    title = f"F1 per class of {variable} [%]"
    rules = [len(rare)] if facts.background else []
    stem = re.sub(r"[^\w.-]+", "-", variable)
    return Sheet.of(f"classes-{stem}", title, [names, images, *metrics], notes, rules=rules)


def _gains(results: Results) -> list[Sheet]:
    """Does a row help most where most images are labelled (P23 §5.2)? No sheet with fewer than three variables."""
    found, names = gains(results), variables(results)
    if not found:
        return []
    lines = Column("experiment", [Cell("images with a label [%]"), *(Cell(one.line) for one in found)])
    columns = [lines]
    for name in names:
        texts = [cell_text.points(one.gains[name], sign=True) if name in one.gains else NONE for one in found]
        columns.append(Column(name, [Cell(f"{100 * results.facts.labelled(name):.1f}"), *map(Cell, texts)]))
    r = [NONE if math.isnan(one.r) else f"{one.r:.2f}".replace("-", "−") for one in found]
    columns += [Column("r", [Cell(""), *map(Cell, r)])]
    columns += [Column("p", [Cell(""), *(Cell(cell_text.p_text(one.p)) for one in found)])]
    notes = [
        f"Gains: between means over runs. r: Pearson's correlation of the gains with the share of labelled images "
        f"over {len(names)} variables; p: two-sided."
    ]
    title = f"F1 gain over {results.table.reference} in percentage points, and the share of labelled images"
    return [Sheet.of("gains", title, columns, notes, rules=[1])]


def _by_row(name: str, title: str, rows: Sequence[Row], columns: Sequence[Column], notes: Sequence[str]) -> Sheet:
    """A sheet with a row of the table in every line; single-task networks stand in a block for each variable."""
    labels = [Column("experiment", [Cell(row.line) for row in rows])]
    starts = [i for i, row in enumerate(rows) if i == 0 or row.variable != rows[i - 1].variable]
    if any(row.variable for row in rows):
        names = [Cell(row.variable if i in starts else "") for i, row in enumerate(rows)]
        labels.insert(0, Column("variable", names))
    return Sheet.of(name, title, [*labels, *columns], notes, labels=len(labels), rules=starts[1:])
