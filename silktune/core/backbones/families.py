"""The families of backbones: a new one is a module here that builds them, as `resnets` does, and `settings.trunks`."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from silktune.core.backbones.backbone import Backbone
from silktune.settings.pretrained_weights import spelled
from silktune.settings.trunks import family


class Family(Protocol):
    """What the module of a family has."""

    def build(self, name: str, weights: str, image_size: int) -> Backbone:
        """A backbone for images of a size, with its weights: a name of the family's, a file, or `none` (random).

        Raises:
            SettingsError: there are no such weights, or they are another backbone's, or it takes no such images.
            ResourceError: they cannot be had.
        """


def build(name: str, weights: str, image_size: int) -> Backbone:
    """The backbone that `net.trunk` names, with the weights that `net.weights` names.

    Args:
        name: `net.trunk`.
        weights: `net.weights`.
        image_size: of the images that it will see, in pixels per side (`data.image_size`).

    Raises:
        SettingsError: there are no such weights, or they are another backbone's, or it takes no such images.
        ResourceError: they cannot be had.
    """
    module = cast(Family, import_module(f"{__package__}.{family(name)}"))
    return module.build(name, spelled(weights, name), image_size)
