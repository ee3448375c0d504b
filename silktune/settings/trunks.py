"""The backbones that there are, by their names in `net.trunk`, and how many blocks each has; nothing is built for that.

A family is built by the module of `core.backbones` that has its name.
"""

from __future__ import annotations

from silktune.errors import nearest

FAMILIES = {
    "resnets": {"resnet18": 8, "resnet34": 16, "resnet50": 16, "resnet101": 33, "resnet152": 50},  # torchvision's
}
FAMILY = {trunk: family for family, trunks in FAMILIES.items() for trunk in trunks}
BLOCKS = {trunk: blocks for trunks in FAMILIES.values() for trunk, blocks in trunks.items()}


def complaint(trunk: str, NB_RN: int) -> str:
    """What is wrong with training so many blocks of a backbone; "" if nothing is."""
    if trunk not in BLOCKS:
        return f"net.trunk: there is no {trunk}.{nearest(trunk, list(BLOCKS))}"
    if NB_RN > BLOCKS[trunk]:
        return f"net.NB_RN is {NB_RN}, but {trunk} has {BLOCKS[trunk]} residual blocks."
    return ""
