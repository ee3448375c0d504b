"""An ablation as a document, and its sheets as LaTeX. Metrics are in percent."""

from __future__ import annotations

from collections.abc import Sequence

from silktune.data.statistics import class_statistics
from silktune.study.ablation.results import Results
from silktune.study.ablation.table_model import Table
from silktune.study.document import latex as tex
from silktune.study.document.parts import Bullets, Cell, Code, Document, Heading, Paragraph, Part, Sheet, section
from silktune.study.metric_summary import TITLES
from silktune.study.search_report import override_line
from silktune.study.table.cell_text import runs_text
from silktune.study.table.differences import variables
from silktune.study.table.in_words import in_words


def document(results: Results, sheets: Sequence[Sheet]) -> Document:
    """The whole table.md: what was asked, of which data, what the rows change, every sheet, what failed."""
    table = results.table
    parts: list[Part] = [Heading(table.name, 1), Paragraph.of(table.question), _summary(results)]
    if words := in_words(results):
        parts += section("In words", Bullets(tuple(words)))
    parts += section("Data set", *_data(results))
    parts += section("What the rows change", *_changes(table))
    for sheet in sheets:
        parts += section(sheet.title, sheet)
    if failures := results.failures():
        parts += section("Runs that failed", Bullets(tuple(failures)))
    return parts


def _summary(results: Results) -> Paragraph:
    table = results.table
    runs = [run for row in table.rows if not row.same_as for run in results.scores(row)]
    done, planned = sum(run <= results.runs for run in runs), sum(not row.same_as for row in table.rows) * results.runs
    more = f", and {len(runs) - done} more" * (len(runs) > done)
    each = f" × {len(table.variables)} variables" if any(table.variables) else ""
    splits = f" on {table.splits} splits of the data set in turn" * (table.splits > 1)
    each_has, so_many = runs_text(results.runs), f"{done} of {planned} trainings finished{more}"
    if table.at_most:
        each_has, so_many = f"up to {runs_text(table.most)}", f"{len(runs)} trainings finished"
    said = (
        f"{len(table.lines)} experiments{each}, {each_has} each{splits}: {so_many}. Reference: {table.reference}. "
        f"Judged by: {TITLES[table.metric]} ({table.metric})."
    )
    return Paragraph.of(said + (f" The paper's figures are from {table.paper}." if table.paper else ""))


def _data(results: Results) -> tuple[Part, Part]:
    """What the data set holds, in the manner of P23 Table 2."""
    facts, rows = results.facts, []
    for name in variables(results):
        variable = facts.variable(name)
        classes = class_statistics(variable.counts)
        shares = [str(classes.K), str(classes.minority), f"{classes.minority_share:.2f}", f"{classes.IR:.1f}"]
        shares += [f"{classes.BD:.2f}", f"{100 * facts.labelled(name):.1f}"]
        rows.append([name, *shares, f"{variable.background:,}"])
    heads = ["variable", "classes", "under-represented", "m/K", "imbalance ratio", "BD", "images with a label [%]"]
    heads += ["background"]
    named = Paragraph.of(f"{facts.name}, {facts.images:,} images (digest {facts.digest}).")
    return named, Sheet.of_texts("data", "Data set", heads, rows)


def _changes(table: Table) -> tuple[Part, Part]:
    """The base, and each line's settings against it."""
    changed = override_line(table.base)
    base = ("The base is the defaults with ", Code(changed), ".") if changed else ("The base is the defaults.",)
    lines = [table.row(line, table.variables[0]) for line in table.lines]
    rows = [(Cell(row.line), Cell(row.changed, code=True) if row.changed else Cell("nothing")) for row in lines]
    each = " Each experiment trains a network of its own for every variable." if any(table.variables) else ""
    sheet = Sheet("changes", "What the rows change", ("experiment", "changes"), tuple(rows), labels=2)
    return Paragraph.of(*base, each), sheet


def latex(results: Results, sheets: Sequence[Sheet]) -> str:
    r"""The whole table.tex: a `table` for every sheet, to be taken with \input or one by one."""
    table = results.table
    tables = [tex.environment(s, f"{s.title}. {table.question}".strip(), f"tab:{table.name}-{s.name}") for s in sheets]
    head = [r"% Needs \usepackage{booktabs}. What is too wide for a column fits into table* or a sidewaystable."]
    if letters := tex.foreign("".join(tables)):
        head.append(f"% Needs XeLaTeX or LuaLaTeX and a font with these letters: {letters}")
    return "\n".join([*head, "", *tables])
