"""The backbones that there are, by their names in `net.trunk`, and how many blocks each has; nothing is built for that.

A family is built by the module of `core.backbones` that has its name. timm's trunks are `timm/` and timm's own name,
with or without a tag (`timm/convnext_tiny.fb_in22k`): timm alone knows them, so what is wrong with one is found when it
is built.
"""

from __future__ import annotations

from silktune.errors import nearest

FAMILIES = {
    "resnets": {"resnet18": 8, "resnet34": 16, "resnet50": 16, "resnet101": 33, "resnet152": 50},  # torchvision's
}
BLOCKS = {trunk: blocks for trunks in FAMILIES.values() for trunk, blocks in trunks.items()}
TIMM = "timm/"  # before each of timm's names
_FAMILY = {trunk: family for family, trunks in FAMILIES.items() for trunk in trunks}


def family(trunk: str) -> str:
    """The module of `core.backbones` that builds a trunk which is there."""
    return "timm_trunks" if trunk.startswith(TIMM) else _FAMILY[trunk]


def complaint(trunk: str, NB_RN: int) -> str:
    """What is wrong with training so many blocks of a backbone, as far as one can say without building it."""
    if trunk.startswith(TIMM):
        return ""
    if trunk not in BLOCKS:
        near = nearest(trunk, list(BLOCKS))
        others = "" if near.startswith(" Did") else f" timm's are {TIMM}NAME: `silktune trunks PATTERN` lists them."
        return f"net.trunk: there is no {trunk}.{near}{others}"
    if NB_RN > BLOCKS[trunk]:
        return f"net.NB_RN is {NB_RN}, but {trunk} has {BLOCKS[trunk]} residual blocks."
    return ""
