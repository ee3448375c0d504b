"""The families of backbones: a new one is a module here that builds them, as `resnets` does, and `settings.trunks`."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from silktune.core.backbones.backbone import Backbone
from silktune.settings.trunks import FAMILY


class Family(Protocol):
    """What the module of a family has."""

    def build(self, name: str, weights: str) -> Backbone:
        """A backbone with its weights: a name of the family's, a file, or `none` (random).

        Raises:
            SettingsError: there are no such weights, or they are another backbone's.
            ResourceError: they cannot be had.
        """


def build(name: str, weights: str) -> Backbone:
    """The backbone that `net.trunk` names, with the weights that `net.weights` names.

    Raises:
        SettingsError: there are no such weights, or they are another backbone's.
        ResourceError: they cannot be had.
    """
    family = cast(Family, import_module(f"{__package__}.{FAMILY[name]}"))
    return family.build(name, weights)
