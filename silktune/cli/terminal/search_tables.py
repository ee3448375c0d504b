"""What people see at the end of a search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Console

from silktune.cli.terminal.tables import percent, print_sheet
from silktune.study.document.parts import Sheet
from silktune.study.table.cell_text import NONE

if TYPE_CHECKING:
    from silktune.api.studies import SearchStudy


def search_report(console: Console, study: SearchStudy) -> None:
    """The end of a search: leading trials, winner, test table, rare classes, importances, and where the rest lies."""
    from silktune.study.search_report import override_line

    report = study.report
    assert report
    print_sheet(console, report.leading(5))
    for sentence in report.choice.sentences():
        console.print(sentence, markup=False)
    console.print(f"\n[bold]The winner[/] is {report.winner.id}. Its settings:")
    console.print(override_line(report.winner.experiment), soft_wrap=True, markup=False)
    print_sheet(console, report.tested())
    for line in report.sureness():
        console.print(line, markup=False)
    print_sheet(console, report.baselines.sheet())
    if remarks := report.on_rare_classes():
        console.print("\n[bold]Rare classes[/]")
        for remark in remarks:
            console.print(remark, markup=False)
    if report.importances:
        found = report.importances
        console.print(
            f"\n[bold]Importance[/] of the settings (fANOVA) for {found.measured}: {', '.join(found.texts())}."
        )
        if found.active:
            console.print(f"Where they have an effect: {', '.join(found.active_texts())}.")
    else:
        console.print("\nFour trials with different values, or more, would tell the importance of the settings.")
    console.print(f"\nIn {study.folder}: report.md, winner.yaml, trials.csv, outcomes.", markup=False, soft_wrap=True)


def single_task(console: Console, studies: Mapping[str, SearchStudy]) -> None:
    """The ends of a search for each variable alone: winners and their test metrics, their settings, the folders."""
    from silktune.study.metric_summary import over_runs
    from silktune.study.search_report import override_line

    rows, reports = [], {variable: study.report for variable, study in studies.items()}
    for variable, report in reports.items():
        assert report
        metrics = over_runs(report.tests)
        texts = [str(metrics.get((variable, name), NONE)) for name in ("f1", "OA")]
        without = [one.scores.variables[0].f1 for one in report.baselines.found[:1]]
        rows.append([variable, report.winner.id, *texts, *map(percent, without or [None])])
    heads = ["variable", "winner", "F1", "OA", "F1 of the largest class"]
    notes = ["Mean ± standard deviation over the final runs of each winner."]
    print_sheet(console, Sheet.of_texts("single-task", "Single-task networks on the test set [%]", heads, rows, notes))
    for variable, report in reports.items():
        assert report
        where = f"{variable}: {report.winner.id} of {studies[variable].folder}, whose report.md has more. Its settings:"
        console.print(f"\n{where}", soft_wrap=True, markup=False)
        console.print(override_line(report.winner.experiment), soft_wrap=True, markup=False)
