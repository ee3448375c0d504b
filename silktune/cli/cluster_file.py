"""`silktune cluster`: a file for `ray up`, checked before anything is started."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from silktune.cli.terminal.console import Terminal

app = typer.Typer(help="Clusters: check a file for `ray up` before anything is started.", no_args_is_help=True)


@app.callback()
def _group() -> None: ...


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The file for `ray up`, such as cluster.yaml.", metavar="FILE")],
    nodes: Annotated[
        bool, typer.Option("--nodes", help="Also ask the machines of a local provider, over SSH.")
    ] = False,
) -> None:
    """Check FILE against Ray's schema and silktune's needs: versions, token, storage, ports. Starts nothing."""
    from silktune.orchestrate.cluster import rules
    from silktune.orchestrate.cluster.cluster_file import ClusterFile

    cluster = ClusterFile.read(file)
    here = rules.Here.now()
    rules.check(cluster, here)
    lines = rules.summary(cluster, here)
    if nodes:
        from silktune.orchestrate.cluster.host_check import ask

        lines += ask(cluster, here)
    table = Table(box=None, show_header=False, pad_edge=False)
    for heading, text in lines:
        table.add_row(heading, text)
    console = Terminal(soft_wrap=True, highlight=False)
    console.print(table)
    console.print(f"\nNothing speaks against it. Start it with: ray up {shlex.quote(str(file))}", markup=False)
