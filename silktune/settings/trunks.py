"""The backbones that there are, by their names in `net.trunk`, and how many blocks each has; nothing is built for that.

`core.backbones` builds them, a module for each family.
"""

from __future__ import annotations

from silktune.errors import nearest

RESNETS = {"resnet18": 8, "resnet34": 16, "resnet50": 16, "resnet101": 33, "resnet152": 50}  # torchvision's
BLOCKS = {**RESNETS}


def complaint(trunk: str, NB_RN: int) -> str:
    """What is wrong with training so many blocks of a backbone; "" if nothing is."""
    if trunk not in BLOCKS:
        return f"net.trunk: there is no {trunk}.{nearest(trunk, list(BLOCKS))}"
    if NB_RN > BLOCKS[trunk]:
        return f"net.NB_RN is {NB_RN}, but {trunk} has {BLOCKS[trunk]} residual blocks."
    return ""
