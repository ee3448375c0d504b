"""Which trunks there are, and how their weights can be had."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from silktune.errors import SettingsError
from silktune.settings.known_trunks import KNOWN
from silktune.settings.pretrained_weights import EXTRA, PACKAGED, PRETRAINED, packaged
from silktune.settings.trunks import TIMM

DESCRIBED = 60  # of timm's trunks at once: each is built, without its values
AT_HAND, DOWNLOAD, NONE, EXTRA_BRINGS = "at hand", "download", "none", f"pip: {EXTRA}"


class Trunk(NamedTuple):
    """A trunk; numbers are None where more trunks were asked for than are described."""

    name: str  # for net.trunk
    parameters: float | None  # millions, without its classifier
    F: int | None  # length of f_RN
    blocks: int | None  # that net.NB_RN counts; 0: it cannot be cut
    image_size: int | None  # pixels per side that it was made for
    weights: str  # its own: at hand, download, pip: …, none


def trunks(pattern: str = "") -> list[Trunk]:
    """The trunks of torchvision and of timm.

    Args:
        pattern: a text in their names, or one with `*`; "": torchvision's, and a hand-picked few of timm's.

    Raises:
        SettingsError: no name matches.
    """
    if not pattern:
        return [_known(name) for name in KNOWN]
    from silktune.core.backbones import timm_trunks

    ours = [name for name in KNOWN if not name.startswith(TIMM) and pattern.strip("*") in name]
    timms = timm_trunks.names(pattern)
    if not ours and not timms:
        raise SettingsError(
            f"command line: no trunk's name has '{pattern}' in it. `silktune trunks` lists a few; try a part of a "
            "name, such as resnet, convnext, vit_small."
        )
    return [*map(_known, ours), *_of_timm(timms)]


def _of_timm(names: list[str]) -> Iterator[Trunk]:
    from silktune.core.backbones import timm_trunks

    for name in names:
        there = timm_trunks.at_hand(name)
        weights = NONE if there is None else _weights(name, there)
        if len(names) > DESCRIBED:
            yield Trunk(name, None, None, None, None, weights)
        else:
            parameters, F, blocks, image_size = timm_trunks.facts(name)
            yield Trunk(name, parameters / 1e6, F, blocks, image_size, weights)


def _known(name: str) -> Trunk:
    parameters, F, blocks, image_size, source = KNOWN[name]
    there = _in_hugging_faces_cache(source) if name.startswith(TIMM) else (_torchs_cache() / source).is_file()
    there = there or packaged(PRETRAINED, name) is not None
    return Trunk(name, parameters, F, blocks, image_size, _weights(name, there))


def _weights(name: str, there: bool) -> str:
    if there:
        return AT_HAND
    return EXTRA_BRINGS if name in PACKAGED else DOWNLOAD


def _torchs_cache() -> Path:
    """As `torch.hub` has it, without importing torch."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "torch"
    return Path(os.environ.get("TORCH_HOME", cache)).expanduser() / "hub" / "checkpoints"


def _in_hugging_faces_cache(repository: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    files = ("model.safetensors", "pytorch_model.bin")
    return any(isinstance(try_to_load_from_cache(repository, file), str) for file in files)
