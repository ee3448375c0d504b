"""A trained network that describes itself: a folder from which it is loaded without the data it was trained on.

`model.json` says what it is. `weights.safetensors` has the tensors that were trained, `frozen.safetensors` those that
were not (the same file in all runs that froze the same, also one beside their folders), `neighbours.safetensors`
features of training images.

K_m classes of variable m, S pixels per side
"""

from __future__ import annotations

import errno
import filecmp
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import safetensors.numpy
import safetensors.torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import nn

from silktune.core import torch_file
from silktune.core.silknet import Network, network
from silktune.data.dataset import Dataset
from silktune.data.image_store import DECODING
from silktune.data.variables import SUBSETS, Variable
from silktune.errors import ResourceError, StudyError, trouble
from silktune.model.novelty import Neighbours
from silktune.settings import Experiment
from silktune.settings.pretrained_weights import RANDOM
from silktune.storage import Storage
from silktune.versions import versions

FOLDER = "model"  # in that of a run
FORM = 2
ABOUT, TRAINED, FROZEN, NEIGHBOURS = (
    "model.json", "weights.safetensors", "frozen.safetensors", "neighbours.safetensors",
)  # fmt: skip


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class Classes(_Frozen):
    """A variable with its classes in the order of the network's outputs; background, where there is any, comes last."""

    name: str
    classes: tuple[str, ...]
    counts: tuple[int, ...]  # images per class in the whole data set
    background: int  # images

    @property
    def variable(self) -> Variable:
        return Variable(self.name, self.classes, self.counts, self.background)


class Preparation(_Frozen):
    """From an image file to what the network takes: (3, S, S) float32, RGB in [0, 1]."""

    image_size: int  # S
    crop: Literal["whole", "centre"]  # whole, or centre: the largest square in the middle
    upright: str = "turned as EXIF says"
    transparent: str = "on white"
    resize: str = "each side to S by itself: averaged where it shrinks, cubic where it grows"
    decoding: int = DECODING  # the version of silktune's decoding


class Backbone(_Frozen):
    """The trunk, and how it normalises what it is given; that is a part of the network."""

    name: str
    weights: str  # net.weights, a name or a file
    digest: str  # of the file's content; "": no file
    NB_RN: int  # blocks that were trained
    F: int
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]


class Origin(_Frozen):
    """The data set that it was trained on."""

    name: str
    digest: str
    images: dict[str, int]  # by subset


class Description(_Frozen):
    """What a model says of itself."""

    form: int = FORM
    run: str
    variables: tuple[Classes, ...]
    preparation: Preparation
    backbone: Backbone
    data: Origin
    temperatures: dict[str, float]  # of each variable's calibration: logits are divided by it
    limit: float  # of the distance to training images, beyond which an image is unlike them
    experiment: Experiment  # with the seed of the run
    versions: dict[str, str]

    @classmethod
    def of(
        cls, network: Network, experiment: Experiment, data: Dataset, run: str, temperatures: dict[str, float],
        limit: float,
    ) -> Self:  # fmt: skip
        """Of a network that was trained on a data set as the experiment sees it."""
        net, prefix = experiment.net, network.prefix
        mean, deviation = (tuple(map(float, each.flatten().tolist())) for each in (prefix.mean, prefix.deviation))
        return cls(
            run=run,
            variables=tuple(
                Classes(name=v.name, classes=v.classes, counts=v.counts, background=v.background)
                for v in data.variables
            ),
            preparation=Preparation(image_size=experiment.data.image_size, crop=experiment.data.crop),
            backbone=Backbone(
                name=net.trunk, weights=net.weights, digest=net.weights_digest or "", NB_RN=net.NB_RN,
                F=network.silknet.suffix.F, mean=mean, deviation=deviation,
            ),
            data=Origin(
                name=data.name, digest=data.digest, images={name: len(data.rows(name)) for name in SUBSETS}
            ),
            temperatures=temperatures, limit=limit, experiment=experiment, versions=versions(),
        )  # fmt: skip

    @property
    def names(self) -> dict[str, tuple[str, ...]]:
        """Variable → the name of each output."""
        return {entry.name: entry.variable.names for entry in self.variables}


def save(
    network: Network, neighbours: Neighbours, about: Description, texts: Mapping[str, str], place: Storage
) -> None:
    """Write a model, and texts beside it; `model.json`, without which there is none, comes last.

    Raises:
        ResourceError: there is no room for it, or the place cannot be reached.
    """
    features = {"features": neighbours.features}
    try:
        place.write(FROZEN, safetensors.torch.save(_tensors(network.prefix)))
        place.write(TRAINED, safetensors.torch.save(_tensors(network.silknet)))
        place.write(NEIGHBOURS, safetensors.numpy.save(features))
        for name, text in texts.items():
            place.write(name, text.encode())
        place.write(ABOUT, json.dumps(about.model_dump(mode="json"), ensure_ascii=False, indent=1).encode())
    except OSError as error:
        raise ResourceError(trouble(f"{place}: this model could not be written", error)) from error


def _tensors(module: nn.Module) -> dict[str, Any]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}


def bring(place: Storage, folder: Path) -> None:
    """Copy a model that a run left in its place, unless it is there; what it has in common with others is kept once.

    Raises:
        OSError: it cannot be copied.
    """
    if place.where != str(folder.absolute()) and not (folder / ABOUT).exists():
        files = place.files()
        if ABOUT not in files:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), ABOUT)
        folder.mkdir(parents=True, exist_ok=True)
        for name in sorted(files, key=ABOUT.__eq__):  # model.json comes last
            place.fetch(name, folder / name)
    frozen = folder / FROZEN
    for other in sorted(folder.parent.parent.glob(f"*/{folder.name}/{FROZEN}")):
        if not frozen.exists() or frozen.samefile(other):
            return
        if filecmp.cmp(frozen, other, shallow=False):
            beside = frozen.with_name(f".{FROZEN}.part")
            beside.unlink(missing_ok=True)
            with suppress(OSError):  # a file system without links
                beside.hardlink_to(other)
                beside.replace(frozen)
            return


def together(folders: Sequence[Path], place: Path) -> None:
    """Copy several models into one folder, as 000, 001, …; what they all froze in common is there once, beside them."""
    first, *others = (_frozen(folder) for folder in folders)
    shared = bool(others) and all(_same(first, other) for other in others)
    for i, folder in enumerate(folders):
        shutil.copytree(folder, place / f"{i:03}", ignore=shutil.ignore_patterns(FROZEN) if shared else None)
    if shared:
        shutil.copyfile(first, place / FROZEN)


def _frozen(folder: Path) -> Path:
    """Where a model's frozen tensors are: in its folder, or beside it with what others froze too."""
    own = folder / FROZEN
    return own if own.exists() else folder.parent / FROZEN


def describe(folder: Path) -> Description:
    """What the model in a folder says of itself.

    Raises:
        StudyError: there is none, or it is damaged or of another version.
    """
    path = folder / ABOUT
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StudyError(f"{folder}: this is no model of silktune (there is no {ABOUT} in it).") from error
    except ValueError as error:
        raise StudyError(f"{path} is damaged ({error}). Copy the folder again, or train again.") from error
    try:
        form = content.get("form")
        if form != FORM:
            raise StudyError(
                f"{folder}: this model is of form {form}, and this silktune reads form {FORM}. Use the version that "
                "made it, or train again."
            )
        about = Description.model_validate(content)
    except (AttributeError, ValidationError) as error:
        raise StudyError(
            f"{path} is damaged, or of another version of silktune ({' '.join(str(error).split())}). Use that version, "
            "or train again."
        ) from error
    if about.preparation.decoding != DECODING:
        raise StudyError(
            f"{folder}: this model was trained on images of decoding {about.preparation.decoding}; this silktune has "
            f"{DECODING}, which gives other pixels. Use that version, or train again."
        )
    return about


def load(folder: Path, about: Description, like: tuple[Path, Network] | None = None) -> Network:
    """The network of the model in a folder, on the CPU; neither its trunk's weights nor its data set are needed.

    Args:
        folder: the model's.
        about: what it says of itself.
        like: a model of the same settings with its network, of which a copy is quicker than to build another, and with
            which what is frozen is shared if it is the same; None: there is none.

    Raises:
        StudyError: a file is missing or damaged.
    """
    made = _built(about) if like is None else deepcopy(like[1])
    parts = [(_frozen(folder), made.prefix), (folder / TRAINED, made.silknet)]
    if like and _same(_frozen(folder), _frozen(like[0])):
        made.prefix = like[1].prefix
        parts = parts[1:]
    for file, part in parts:
        try:
            part.load_state_dict(torch_file.read_file(file))
        except torch_file.Unreadable as error:
            raise _damaged(file, str(error)) from error
        except (RuntimeError, TypeError) as error:  # torch names every tensor that differs
            raise _damaged(file, "its tensors are others than model.json says") from error
    return made.requires_grad_(False).eval()


def _built(about: Description) -> Network:
    experiment = about.experiment
    net = experiment.net.model_copy(update={"weights": RANDOM})
    return network(net, [entry.variable.outputs for entry in about.variables], experiment.data.image_size)


def _same(path: Path, other: Path) -> bool:
    return path.is_file() and (path == other or filecmp.cmp(path, other, shallow=False))


def neighbours(folder: Path, about: Description) -> Neighbours:
    """Features of training images.

    Raises:
        StudyError: the file is missing or damaged.
    """
    path = folder / NEIGHBOURS
    try:
        features = safetensors.numpy.load_file(path)["features"].astype(np.float16)
    except Exception as error:  # whatever safetensors finds
        raise _damaged(path, " ".join(str(error).split())) from error
    return Neighbours(features, about.limit)


def _damaged(path: Path, why: str) -> StudyError:
    return StudyError(f"{path}: this file of a model is missing or damaged ({why}). Copy the folder again.")
