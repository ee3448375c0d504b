"""What people see at the end of a search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from silktune.cli.terminal.tables import print_sheet

if TYPE_CHECKING:
    from silktune.study.search_report import SearchReport


def search_report(console: Console, report: SearchReport) -> None:
    """The end of a search: leading trials, winner, test table, rare classes, importances."""
    from silktune.study.search_report import override_line

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
