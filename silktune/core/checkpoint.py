"""A training's state between two epochs: written whole or not at all, read back to the same numbers.

The frozen prefix is not in it: it is a function of the settings. No generator is in it either: every stream of chance
is a function of the seed, its name and the epoch (`silktune.seeds`).
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from silktune.errors import ResourceError, StudyError, reason
from silktune.outcome import Epoch

FILE = "checkpoint.pt"
MODEL = "model.pt"
VERSION = 1


@dataclass
class Checkpoint:
    """After an epoch: the trained weights now and at the best epoch, Adam's state, and all epochs so far."""

    identity: str  # of experiment and data set: another training's checkpoint is refused
    net: dict[str, Tensor]
    best: dict[str, Tensor]
    optimiser: dict[str, Any]
    epochs: tuple[Epoch, ...]
    seconds: float


def save(checkpoint: Checkpoint, folder: Path) -> None:
    """Write `folder/checkpoint.pt` in place of the one before."""
    content = asdict(checkpoint) | {"version": VERSION}
    content["epochs"] = [epoch.model_dump_json() for epoch in checkpoint.epochs]
    write(content, folder / FILE)


def load(folder: Path, identity: str) -> Checkpoint | None:
    """The checkpoint in `folder`, or None if there is none.

    Raises:
        StudyError: it cannot be read, or belongs to another training.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        version, found = content.pop("version"), content["identity"]
    except Exception as error:
        raise StudyError(
            f"{path} cannot be read ({reason(error)}). Delete it to train from the first epoch."
        ) from error
    if version != VERSION or found != identity:
        raise StudyError(
            f"{path} belongs to a training with other settings, other data or another version of silktune. "
            "Give another folder, or delete it to train from the first epoch."
        )
    content["epochs"] = tuple(Epoch.model_validate_json(epoch) for epoch in content["epochs"])
    return Checkpoint(**content)


def write(content: object, path: Path) -> None:
    """torch.save, whole or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(content, beside)
        beside.replace(path)
    except (OSError, RuntimeError) as error:
        with suppress(OSError):
            beside.unlink()
        raise ResourceError(f"{path} could not be written ({error}). Is the disk full?") from error
