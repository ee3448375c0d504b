"""What people see at the end of a search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from silktune.cli.terminal.tables import percent, plain_table

if TYPE_CHECKING:
    from silktune.study.search_report import SearchReport


def search_report(console: Console, report: SearchReport) -> None:
    """The end of a search: leading trials, winner, test table, importances."""
    from silktune.study.search_report import TITLES, override_line

    head, *rows = report.leading(5)
    table = plain_table(*head, title="Leading trials")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print("", table)
    console.print(f"\n[bold]The winner[/] is {report.winner.id}. Its settings:")
    console.print(override_line(report.winner.experiment), soft_wrap=True, markup=False)
    runs = len(report.tests)
    table = plain_table(
        "", *TITLES.values(), title=f"Test set, mean ± standard deviation over {runs} runs of the winner [%]"
    )
    for row in report.test_table():
        table.add_row(*map(Text, row), style="bold" if row[0] == "mean" else None)
    console.print("", table)
    console.print(f"Always naming the largest class: mean F1 {percent(report.floor)}.")
    if report.importances:
        shares = ", ".join(f"{name} {share:.2f}" for name, share in report.importances.items())
        console.print(f"\n[bold]Importance[/] of the settings for the validation F1 (fANOVA): {shares}.")
    else:
        console.print("\nFour trials that finished, or more, would tell the importance of the settings.")
