"""An ablation as files: table.md and table.tex for people, three CSV files for programs.

In Markdown and LaTeX figures are in percent; in CSV they are shares in [0, 1] to the last digit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from silktune.data.statistics import class_statistics
from silktune.data.variables import BACKGROUND
from silktune.outcome import CLASS_FIGURES, MEANS, VARIABLE_FIGURES
from silktune.study import markdown as md
from silktune.study.ablation.results import Results
from silktune.study.ablation.rows import Row, Table
from silktune.study.report import csv_text, override_line
from silktune.study.table import latex as tex
from silktune.study.table.cells import Cell, Sheet, runs_text
from silktune.study.table.comparisons import differences, variables


def markdown(results: Results, sheets: Sequence[Sheet]) -> str:
    """The whole table.md: what was asked, of which data, what the rows change, every sheet, what failed."""
    table = results.table
    parts = [f"# {md.text(table.name)}", md.paragraph(table.question), _summary(results)]
    parts += ["## Data set", _data(results), "## What the rows change", _changes(table)]
    for sheet in sheets:
        grid = _grid(sheet.columns, [map(_cell, row) for row in sheet.rows], sheet.labels)
        parts += [f"## {md.text(sheet.title)}", grid, md.paragraph(" ".join(sheet.notes))]
    if failures := results.failures():
        parts += ["## Runs that failed", "\n".join(f"- {md.paragraph(failure)}" for failure in failures)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _summary(results: Results) -> str:
    table = results.table
    runs = [run for row in table.rows if not row.same_as for run in results.scores(row)]
    done, planned = sum(run <= results.runs for run in runs), sum(not row.same_as for row in table.rows) * results.runs
    more = f", and {len(runs) - done} more" * (len(runs) > done)
    each = f" × {len(table.variables)} variables" if any(table.variables) else ""
    said = (
        f"{len(table.lines)} experiments{each}, {runs_text(results.runs)} each: {done} of {planned} trainings "
        f"finished{more}. Reference: {table.reference}."
    )
    return md.paragraph(said + (f" The paper's figures are from {table.paper}." if table.paper else ""))


def _data(results: Results) -> str:
    """What the data set holds, in the manner of P23 Table 2."""
    facts, rows = results.facts, []
    for name in variables(results):
        variable = facts.variable(name)
        classes = class_statistics(variable.counts)
        shares = [str(classes.K), str(classes.minority), f"{classes.IR:.1f}", f"{100 * facts.labelled(name):.1f}"]
        rows.append([md.text(name), *shares, f"{variable.background:,}"])
    heads = ["variable", "classes", "under-represented", "imbalance ratio", "images with a label [%]", "background"]
    return f"{md.paragraph(facts.name)}, {facts.images:,} images (digest {facts.digest}).\n\n{_grid(heads, rows, 1)}"


def _changes(table: Table) -> str:
    """The base, and each line's settings against it."""
    changed = override_line(table.base)
    base = f"The base is the defaults with {md.code(changed)}." if changed else "The base is the defaults."
    lines = [table.row(line, table.variables[0]) for line in table.lines]
    rows = [[md.text(row.line), md.code_cell(row.changed) or "nothing"] for row in lines]
    each = " Each experiment trains a network of its own for every variable." if any(table.variables) else ""
    return f"{base}{each}\n\n{_grid(['experiment', 'changes'], rows, 2)}"


def _cell(cell: Cell) -> str:
    return f"**{md.text(cell.text)}**" if cell.bold else md.text(cell.text)


def _grid(heads: Sequence[str], rows: Iterable[Iterable[str]], labels: int) -> str:
    return "\n".join(md.table([md.text(head) for head in heads], rows, labels))


def latex(results: Results, sheets: Sequence[Sheet]) -> str:
    r"""The whole table.tex: a `table` for every sheet, to be taken with \input or one by one."""
    table = results.table
    tables = [tex.environment(s, f"{s.title}. {table.question}".strip(), f"tab:{table.name}-{s.name}") for s in sheets]
    head = [r"% Needs \usepackage{booktabs}. What is too wide for a column fits into table* or a sidewaystable."]
    if letters := tex.foreign("".join(tables)):
        head.append(f"% Needs XeLaTeX or LuaLaTeX and a font with these letters: {letters}")
    return "\n".join([*head, "", *tables])


def figures_csv(results: Results) -> str:
    """Every figure of every row, and the paper's beside it: one line each."""
    lines = [["row", "variable", "class", "figure", "mean", "std", "n", "paper_mean", "paper_std"]]
    for row in results.table.rows:
        for variable, name, figure in _figures(results, row):
            found = results.figure(row, tuple(part for part in (variable, name, figure) if part))
            printed = None if name else row.paper.get(f"{variable}.{figure}" if variable else figure)
            if found or printed:
                ours = [_exact(found.mean), _exact(found.deviation), str(found.n)] if found else ["", "", "0"]
                paper = [_exact(printed.mean), _exact(printed.deviation)] if printed else ["", ""]
                lines.append([row.id, variable, name, figure, *ours, *paper])
    return csv_text(lines)


def _figures(results: Results, row: Row) -> Iterator[tuple[str, str, str]]:
    """Variable, class and name of every figure that a row may have."""
    yield from (("", "", mean) for mean in MEANS)
    for variable in (row.variable,) if row.variable else variables(results):
        yield from ((variable, "", figure) for figure in VARIABLE_FIGURES)
        for name in (*results.facts.variable(variable).counts, BACKGROUND):
            yield from ((variable, name, figure) for figure in CLASS_FIGURES)


def comparisons_csv(results: Results) -> str:
    """Every difference from the reference that the sheets show."""
    heads = [
        "row",
        "reference",
        "variable",
        "figure",
        "difference",
        "low",
        "high",
        "p",
        "p_holm",
        "runs_needed",
        "test",
    ]
    lines = [heads]
    for figure in MEANS:
        for one in differences(results, figure):
            if (found := one.comparison) is not None:
                numbers = map(_exact, (found.difference, found.low, found.high, found.p, one.p_holm))
                needed = "" if found.runs_needed is None else str(found.runs_needed)
                names = [one.row.id, one.reference.id, one.row.variable, figure]
                lines.append([*names, *numbers, needed, found.test])
    return csv_text(lines)


def runs_csv(results: Results) -> str:
    """Every training that has an outcome."""
    lines = [["row", "run", "seed", "state", "reason", "fingerprint", "best_epoch", *MEANS]]
    for row in (row for row in results.table.rows if not row.same_as):
        for run in range(1, results.most_runs + 1):
            trial = results.table.trial(row, run)
            if outcome := results.outcomes.get(trial.id):
                ended = [outcome.state, outcome.reason, outcome.fingerprint, str(outcome.best_epoch)]
                figures = [_exact(getattr(outcome.test, mean, None)) for mean in MEANS]
                lines.append([row.id, str(run), str(trial.seeded().train.seed), *ended, *figures])
    return csv_text(lines)


def _exact(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else repr(value)
