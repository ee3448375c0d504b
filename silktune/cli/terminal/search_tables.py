"""What people see at the end of a search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from silktune.cli.terminal.tables import percent, print_sheet

if TYPE_CHECKING:
    from silktune.study.search_report import SearchReport


def search_report(console: Console, report: SearchReport) -> None:
    """The end of a search: leading trials, winner, test table, importances."""
    from silktune.study.search_report import override_line

    print_sheet(console, report.leading(5))
    console.print(f"\n[bold]The winner[/] is {report.winner.id}. Its settings:")
    console.print(override_line(report.winner.experiment), soft_wrap=True, markup=False)
    print_sheet(console, report.tested())
    console.print(f"Always naming the largest class: mean F1 {percent(report.floor)}.")
    if report.importances:
        shares = ", ".join(f"{name} {share:.2f}" for name, share in report.importances.items())
        console.print(f"\n[bold]Importance[/] of the settings for the validation F1 (fANOVA): {shares}.")
    else:
        console.print("\nFour trials that finished, or more, would tell the importance of the settings.")
