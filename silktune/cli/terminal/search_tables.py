"""What people see at the end of a search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from silktune.cli.terminal.tables import print_sheet

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
