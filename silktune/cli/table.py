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
    from silktune.cli.terminal import ablation_tables
    from silktune.cli.terminal.console import Terminal
    from silktune.study import publish
    from silktune.study.paths import StudyPaths

    console, paths = Terminal(highlight=False), StudyPaths(study)
    found = publish.results(paths, reference or "")
    publish.publish(found, paths, figures=True)
    ablation_tables.ablation(console, found)
    ablation_tables.where(console, paths)
    ablation_tables.check_complete(found)
