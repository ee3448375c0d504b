"""`silktune table`: the tables and figures of an ablation, or the report of a search, made again from its outcomes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from silktune.cli.options import ReferenceOption


def command(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="The folder of an ablation or a search.")],
    reference: ReferenceOption = None,
) -> None:
    """Make every table and figure of an ablation, or the report of a search, again; nothing is trained."""
    from silktune.api.studies import SearchStudy
    from silktune.api.tables import write_tables
    from silktune.cli.terminal import ablation_tables, search_tables
    from silktune.cli.terminal.console import Terminal

    console, written = Terminal(highlight=False), write_tables(study, reference)
    if isinstance(written, SearchStudy):
        search_tables.search_report(console, written)
        return
    ablation_tables.ablation(console, written)
    ablation_tables.where(console, written)
    ablation_tables.check_complete(written)
