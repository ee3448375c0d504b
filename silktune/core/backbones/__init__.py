"""Backbones: what maps an image to f_RN (P23 §3.1), cut into a frozen prefix and a trained suffix.

A new family is a module here that builds its backbones, as `resnets` does, and their names in `settings.trunks`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from silktune.core.backbones.backbone import Backbone, Prefix, Suffix, measure_statistics
from silktune.settings.trunks import FAMILY

__all__ = ["Backbone", "Family", "Prefix", "Suffix", "build", "measure_statistics"]


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
    family = cast(Family, import_module(f"{__name__}.{FAMILY[name]}"))
    return family.build(name, weights)
