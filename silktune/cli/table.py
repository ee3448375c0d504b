"""`silktune table`: the tables and figures of an ablation, made again from its outcomes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from silktune.cli.options import ReferenceOption


def command(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="The folder of an ablation.")],
    reference: ReferenceOption = None,
) -> None:
    """Make every table and figure of an ablation again from its outcomes; nothing is trained."""
    from silktune.api.tables import write_tables
    from silktune.cli.terminal import ablation_tables
    from silktune.cli.terminal.console import Terminal

    console, ablation = Terminal(highlight=False), write_tables(study, reference)
    ablation_tables.ablation(console, ablation)
    ablation_tables.where(console, ablation)
    ablation_tables.check_complete(ablation)
