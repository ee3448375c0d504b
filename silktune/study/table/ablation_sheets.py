"""The sheets of an ablation: the terminal, Markdown and LaTeX print the same.

Metrics are in percent, differences in percentage points. Nothing depends on how long something took.
"""

from __future__ import annotations

import re
from dataclasses import replace

from silktune.data.statistics import class_statistics
from silktune.data.variables import BACKGROUND
from silktune.study.ablation.results import Results
from silktune.study.document.parts import Cell, Column, Sheet
from silktune.study.metric_summary import TITLES
from silktune.study.table import cell_text, gain_sheets, stopping, test_sets
from silktune.study.table.cell_text import RARE
from silktune.study.table.difference_sheets import difference_sheets
from silktune.study.table.differences import means, variables
from silktune.study.table.row_sheet import by_row
from silktune.study.table.validation_sheet import validation_sheet

WITH_BACKGROUND = "with background: background counts as a class; "
F1 = (
    "under-represented: only the classes with fewer than 1/K of the labels of their variable, which has K classes; "
    "OA: overall accuracy."
)
MOST_FAILURES = 5  # that a sheet names; table.md ends with all of them


def sheets(results: Results) -> list[Sheet]:
    """All tables of an ablation, the most important first.

    Bold are the rows that cannot be told from the best (`Results.best`), never just the largest number.
    """
    primary, *exploratory = difference_sheets(results)
    return [
        _rows(results),
        primary,
        validation_sheet(results),
        *_baselines(results),
        *exploratory,
        *(_variables(results, mean, name) for mean, name in means(results).items()),
        *(_classes(results, variable) for variable in variables(results)),
        *gain_sheets.sheets(results),
        _stopping(results),
        *_test_sets(results),
    ]


def _baselines(results: Results) -> list[Sheet]:
    """What needs no network, where it is known."""
    if not results.baselines.found:
        return []
    sheet = results.baselines.per_variable(results.table.metric)
    split = ("On the first of the splits.",) * (results.table.splits > 1)
    return [replace(sheet, notes=(*split, *sheet.notes))]


def _test_sets(results: Results) -> list[Sheet]:
    """How sure the means are, with the test set as a source of chance; nothing without predictions."""
    if not results.resampled.runs:
        return []
    table = results.table
    rows = [row for variable in table.variables for row in table.rows if row.variable == variable]
    columns = test_sets.mean_columns(results, rows, table.metric, TITLES[table.metric])
    title = f"{TITLES[table.metric]}: how sure the means are, for other seeds and other test sets [%]"
    return [by_row("test-sets", title, rows, columns, [*test_sets.notes(results), *test_sets.missing(columns)])]


def _rows(results: Results) -> Sheet:
    """Every row: its runs, the four means, and the paper's metrics beside those that it prints."""
    table = results.table
    rows = [row for variable in table.variables for row in table.rows if row.variable == variable]
    columns = [Column("runs", [Cell(str(len(results.scores(row)))) for row in rows])]
    for mean, name in means(results).items():
        columns.append(Column(TITLES[mean], cell_text.metric_cells(results, rows, mean)))
        columns += cell_text.paper_column([(row, f"{row.variable}.{name}" if row.variable else mean) for row in rows])
    single = any(table.variables)
    background = WITH_BACKGROUND * ("mean_f1_with_background" in means(results))
    what = f"F1: the mean over the classes of a variable{'' if single else ' and over the variables'}; {background}{F1}"
    within = "of its column for its variable" if single else "of its column"
    notes = [what, *cell_text.legend(results, columns, within), *cell_text.same(table), *_failed(results)]
    return by_row("rows", "Average F1 and overall accuracy [%]", rows, columns, notes)


def _failed(results: Results) -> list[str]:
    """The cells without a metric because their run failed, the first of them."""
    said = [failure.removesuffix(".") for failure in results.failures()]
    more = [f"{len(said) - MOST_FAILURES} more"] * (len(said) > MOST_FAILURES)
    return [f"Failed: {'; '.join([*said[:MOST_FAILURES], *more])}."] if said else []


def _variables(results: Results, mean: str, name: str) -> Sheet:
    """One metric of every line for every variable; of single-task networks it is their mean."""
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


def _stopping(results: Results) -> Sheet:
    """After how many epochs every row stopped: what is part of its loss and what of its stopping is not told apart."""
    table = results.table
    rows = [row for variable in table.variables for row in table.rows if row.variable == variable]
    return by_row("epochs", stopping.TITLE, rows, stopping.columns(results, rows), stopping.notes(rows))
