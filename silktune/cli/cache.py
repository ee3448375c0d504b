"""`silktune cache`: the activations of frozen trunks that are kept."""

from __future__ import annotations

from typing import Annotated

import typer

from silktune.api import defaults
from silktune.cli.options import RootOption


def command(
    remove: Annotated[
        list[str] | None,
        typer.Option("--remove", help="The name of what is to be deleted, or all; may be given more than once."),
    ] = None,
    root: RootOption = defaults.ROOT,
) -> None:
    """List the activations of frozen trunks that are kept, or delete some; a study computes what it needs."""
    from rich.table import Table

    from silktune.api import cache
    from silktune.cli.terminal.console import Terminal
    from silktune.data.disk_space import size

    console = Terminal(highlight=False)
    if remove:
        removed = cache.remove(remove, root)
        console.print(f"Deleted: {len(removed)}, {size(sum(entry.bytes for entry in removed))}.", markup=False)
        return
    entries = cache.cached(root)
    if not entries:
        console.print(f"Below {root} no activations are kept.", markup=False)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("name", "trunk", "images", "size", "of"):
        table.add_column(title, justify="right" if title in ("images", "size") else "left")
    for entry in entries:
        view = "" if entry.view is None else f", view {entry.view + 1}"
        what = f"{entry.trunk}\n{entry.cut}{view}"
        table.add_row(entry.name, what, f"{entry.images:,}", size(entry.bytes), f"{entry.data}\n{entry.store}")
    console.print(table)
    console.print(f"In all {size(sum(entry.bytes for entry in entries))}; silktune cache --remove NAME", markup=False)
