"""A model at work: one network, or the mean of several, from pixels to calibrated probabilities.

N images, S pixels per side, K_m classes of variable m
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from silktune.core.backbones import Prefix
from silktune.core.pixels import as_images
from silktune.core.silknet import Network
from silktune.errors import StudyError
from silktune.model import calibration, folder, known_images
from silktune.model.folder import Description
from silktune.model.novelty import Neighbours
from silktune.study.predictions import VALIDATION, Predictions


@dataclass(frozen=True)
class Answers:
    """What a model says of N images."""

    probabilities: tuple[NDArray[np.float32], ...]  # M × (N, K_m), calibrated
    unlike: NDArray[np.float32]  # (N,) above 1: the image is unlike those that the model was trained on


@dataclass(frozen=True)
class Member:
    """One network of a model."""

    about: Description
    network: Network
    neighbours: Neighbours
    validation: Predictions  # not calibrated
    images: Mapping[str, frozenset[str]]  # subset → hashes of the files of its images


@dataclass(frozen=True, eq=False)
class Ensemble:
    """A model: one network, or several that were trained alike, of which the mean counts."""

    members: tuple[Member, ...]
    device: torch.device

    @classmethod
    def load(cls, folders: Sequence[Path], device: torch.device) -> Self:
        """From the folders of its members; what they froze in common is loaded once.

        Raises:
            StudyError: a folder is no model, is damaged, or is of a model of other variables or images.
        """
        members: list[Member] = []
        for path in folders:
            about = folder.describe(path)
            if members:
                _check_alike(folders[0], members[0].about, path, about)
            network = folder.load(path, about, (folders[0], members[0].network) if members else None)
            validation = Predictions.read(path / VALIDATION, about.data.digest)
            neighbours, images = folder.neighbours(path, about), known_images.read(path)
            members.append(Member(about, network.to(device), neighbours, validation, images))
        return cls(tuple(members), device)

    @property
    def about(self) -> Description:
        """What its first member says of itself."""
        return self.members[0].about

    @property
    def names(self) -> dict[str, tuple[str, ...]]:
        """Variable → the name of each output; background comes last."""
        return self.about.names

    @cached_property
    def raw_validation(self) -> Predictions:
        """What it says of the validation images, not calibrated."""
        return calibration.mean([member.validation for member in self.members])

    @cached_property
    def temperatures(self) -> dict[str, float]:
        """Of every variable's calibration."""
        return calibration.temperatures(self.raw_validation)

    @cached_property
    def validation(self) -> Predictions:
        """What it says of the validation images, calibrated."""
        return calibration.calibrated(self.raw_validation, self.temperatures)

    @torch.no_grad()
    def __call__(self, pixels: NDArray[np.uint8]) -> Answers:
        """(N, S, S, 3) RGB → its answers."""
        images = as_images(torch.from_numpy(pixels).to(self.device))
        frozen: dict[Prefix, Tensor] = {}
        shares, unlike = [], []
        for member in self.members:
            prefix, net = member.network.prefix, member.network.silknet
            if prefix not in frozen:
                frozen[prefix] = prefix(images)
            f_RN = net.suffix(frozen[prefix])
            shares.append([a.softmax(1).cpu().numpy() for a in net.classify(net.joined(f_RN))])
            unlike.append(member.neighbours.unlike(f_RN.float().cpu().numpy()))
        means = [np.stack(each).mean(axis=0, dtype=np.float64) for each in zip(*shares, strict=True)]
        sure = tuple(
            calibration.sharpened(p, self.temperatures[name]) for name, p in zip(self.names, means, strict=True)
        )
        return Answers(sure, np.median(np.stack(unlike), axis=0).astype(np.float32))


def _check_alike(first: Path, one: Description, path: Path, other: Description) -> None:
    if any(getattr(one, name) != getattr(other, name) for name in ("variables", "preparation", "data")):
        raise StudyError(
            f"{first} and {path} are models of other data, variables or images: there is no mean of them. Give one."
        )
    if one.experiment.net != other.experiment.net:
        raise StudyError(f"{first} and {path} are networks of other settings: there is no mean of them. Give one.")
