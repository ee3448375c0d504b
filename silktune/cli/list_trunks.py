"""`silktune trunks`: what net.trunk may be."""

from __future__ import annotations

from typing import Annotated

import typer

BELOW = """\
F: length of f_RN. blocks: what net.NB_RN counts; 0: only net.NB_RN=0. pixels: the image size it was made for.
weights: what net.weights=pretrained means. download: at first use; without internet it says which file to put where.
"""


def command(
    pattern: Annotated[
        str, typer.Argument(help="A part of a name, or a pattern with *: all of timm's.", show_default=False)
    ] = "",
) -> None:
    """List the trunks that net.trunk can name: torchvision's ResNets and timm's, with what they are and cost."""
    from rich.table import Table

    from silktune.api.trunks import DESCRIBED, trunks
    from silktune.cli.terminal.console import Terminal

    found = trunks(pattern)
    console = Terminal(highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("net.trunk", overflow="fold")
    for column in ("million", "F", "blocks", "pixels"):
        table.add_column(column, justify="right")
    table.add_column("weights", overflow="fold")
    for trunk in found:
        million = "" if trunk.parameters is None else f"{trunk.parameters:.1f}"
        numbers = ("" if number is None else str(number) for number in (trunk.F, trunk.blocks, trunk.image_size))
        table.add_row(trunk.name, million, *numbers, trunk.weights.replace("[", r"\["))
    console.print(table)
    console.print(BELOW.rstrip(), style="dim", markup=False)
    if not pattern:
        console.print("timm has a thousand more: silktune trunks PATTERN, such as convnext or 'vit_small*'.")
    elif any(trunk.parameters is None for trunk in found):
        console.print(f"Up to {DESCRIBED} trunks are described; these are {len(found)}. Give a longer pattern.")
