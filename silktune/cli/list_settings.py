"""`silktune settings`: every setting with its letter, default, limits and origin."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    pattern: Annotated[str, typer.Argument(help="Only settings whose name contains this.", show_default=False)] = "",
) -> None:
    """List every setting: its letter in the papers, its default, what it may be, where the default comes from."""
    from rich.table import Table
    from rich.text import Text

    from silktune.cli.terminal.console import Terminal
    from silktune.errors import SettingsError, nearest
    from silktune.settings import names, spell
    from silktune.settings.descriptions import describe

    rows = [d for d in describe() if pattern in d.name]
    if not rows:
        known = names() if "." in pattern else [name.split(".")[1] for name in names()]
        raise SettingsError(f"command line: no setting's name contains '{pattern}'.{nearest(pattern, known)}")
    console = Terminal(highlight=False)
    columns = ["setting", "letter", "default", "may be", "from", "what"]
    if console.width < 110:
        columns.remove("what")  # would be a narrow tower of words
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in ("setting", "letter", "default"))
    for d in rows:
        cells = [d.name, d.symbol, spell(d.default), d.limits, d.origin, d.why]
        table.add_row(*map(Text, cells[: len(columns)]))
    console.print(table)
