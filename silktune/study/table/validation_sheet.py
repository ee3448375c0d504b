"""The rows of an ablation on the validation set: to choose one by, so that the test set is left to judge it."""

from __future__ import annotations

from silktune.study.ablation.results import Results
from silktune.study.document.parts import Cell, Column, Sheet
from silktune.study.metric_summary import TITLES
from silktune.study.table import cell_text
from silktune.study.table.row_sheet import by_row

CHOOSE = (
    "Choose a row by this sheet{each}; the test set then says what the chosen one is worth. The row that is largest on "
    "the test set is partly the luckiest there, and worth less on new images than its figure says. Every run kept the "
    "epoch that was best here, so all figures of this sheet are a little high."
)
ANY = "Of the rows in bold take any: the simplest, say, or the quickest."


def validation_sheet(results: Results) -> Sheet:
    """What every row reaches in the table's metric at the epochs whose weights are tested."""
    table, validated = results.table, results.on_validation
    rows = [row for variable in table.variables for row in table.rows if row.variable == variable]
    metrics = Column(TITLES[table.metric], cell_text.metric_cells(validated, rows, table.metric))
    runs = Column("runs", [Cell(str(len(validated.scores(row)))) for row in rows])
    single = any(table.variables)
    within = "of its variable" if single else "row"
    notes = [CHOOSE.format(each=", one for each variable" * single), *cell_text.legend(validated, [metrics], within)]
    notes += [ANY] * any(cell.bold for cell in metrics.cells)
    title = f"{TITLES[table.metric]} on the validation set, to choose a row by [%]"
    return by_row("validation", title, rows, [runs, metrics], [*notes, *cell_text.same(table)])
