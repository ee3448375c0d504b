"""A training's state between two epochs: written whole or not at all, read back to the same numbers.

The frozen prefix is not in it: it is a function of the settings. No generator is in it either: every stream of chance
is a function of the seed, its name and the epoch (`silktune.seeds`).
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any

import torch
from torch import Tensor

from silktune.core import torch_file
from silktune.errors import ResourceError, StudyError, reason, trouble
from silktune.outcome import Epoch
from silktune.storage import Storage

FILE = "checkpoint.pt"
VERSION = 2


@dataclass
class Checkpoint:
    """After an epoch: the trained weights now and at the best epoch, Adam's state, and all epochs so far."""

    identity: str  # of experiment and data set: another training's checkpoint is refused
    net: dict[str, Tensor]
    best: dict[str, Tensor]
    optimiser: dict[str, Any]
    epochs: tuple[Epoch, ...]
    seconds: float


def save(checkpoint: Checkpoint, place: Storage) -> None:
    """Write `checkpoint.pt` in place of the one before; tensors go there from where they are, on a GPU one by one.

    Raises:
        ResourceError: there is no room for it, or the place cannot be reached.
    """
    content = vars(checkpoint) | {"version": VERSION}
    content["epochs"] = [epoch.model_dump_json() for epoch in checkpoint.epochs]
    write(content, place, FILE)


def load(place: Storage, identity: str) -> Checkpoint | None:
    """The checkpoint in a place, or None if there is none.

    Raises:
        StudyError: it cannot be read, or belongs to another training.
        ResourceError: the place cannot be reached.
    """
    try:
        found = place.read(FILE)
    except OSError as error:
        raise ResourceError(f"{place}: this place cannot be read ({reason(error)}).") from error
    if found is None:
        return None
    try:
        content = torch_file.read(found)
        version, whose = content.pop("version"), content["identity"]
    except (torch_file.Unreadable, AttributeError, TypeError, KeyError) as error:
        why = error if isinstance(error, torch_file.Unreadable) else "it holds something else"
        raise StudyError(f"{place}/{FILE} cannot be read ({why}). Delete it to train from the first epoch.") from error
    if version != VERSION or whose != identity:
        raise StudyError(
            f"{place}/{FILE} belongs to a training with other settings, other data or another version of silktune. "
            "Give another folder, or delete it to train from the first epoch."
        )
    content["epochs"] = tuple(Epoch.model_validate_json(epoch) for epoch in content["epochs"])
    return Checkpoint(**content)


def write(content: object, place: Storage, name: str) -> None:
    """torch.save, whole or not at all.

    Raises:
        ResourceError: there is no room for it, or the place cannot be reached.
    """
    file = BytesIO()
    torch.save(content, file)
    try:
        place.write(name, file.getbuffer())
    except OSError as error:
        raise ResourceError(trouble(f"{place}/{name} could not be written", error)) from error
