"""Backbones: what maps an image to f_RN (P23 §3.1), cut into a frozen prefix and a trained suffix.

A family knows the names of its backbones, how many blocks each has, and builds them. A new family is a module with what
`Family` asks for, an entry in FAMILIES, and its names in `settings.trunks`; nobody else names one.

N images, S pixels per side, F length of f_RN
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from silktune.core.backbones import resnets
from silktune.core.backbones.backbone import Backbone, Prefix, Suffix, measure_statistics

__all__ = ["FAMILIES", "Backbone", "Family", "Prefix", "Suffix", "build", "measure_statistics"]


class Family(Protocol):
    """What a module of backbones has."""

    @property
    def BLOCKS(self) -> Mapping[str, int]:
        """How many blocks each of its backbones has, by its name in `net.trunk` (from `settings.trunks`)."""

    def build(self, name: str, weights: str) -> Backbone:
        """A backbone with its weights: a name of the family's, a file, or `none` (random).

        Raises:
            SettingsError: there are no such weights, or they are another backbone's.
            ResourceError: they cannot be had.
        """


FAMILIES: Sequence[Family] = (resnets,)


def build(name: str, weights: str) -> Backbone:
    """The backbone that `net.trunk` names, with the weights that `net.weights` names.

    Raises:
        SettingsError: there are no such weights, or they are another backbone's.
        ResourceError: they cannot be had.
    """
    return next(family for family in FAMILIES if name in family.BLOCKS).build(name, weights)
