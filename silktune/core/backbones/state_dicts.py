"""Weights: read from a file, and checked against what a backbone needs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from silktune.core.torch_file import Unreadable, read_file
from silktune.errors import ResourceError, SettingsError
from silktune.settings.pretrained_weights import RANDOM

SAVE = "Save one with torch.save(model.state_dict(), FILE)."
WRAPPERS = ("state_dict", "model")  # under which training scripts keep it
AVERAGED = ("state_dict_ema", "model_ema")  # other weights of the same network in the same file


def read(path: Path) -> dict[str, Tensor]:
    """The state dict in a file of torch.save or of safetensors; one in a wrapper, if there is just one.

    Raises:
        SettingsError: there is none that can be read.
    """
    if path.is_dir():
        raise SettingsError(f"net.weights: {path} is a folder. Give the file of a state dict in it. {SAVE}")
    if not path.exists():
        raise SettingsError(f"net.weights: there is no file {path}. Give a file, a name, pretrained or none.")
    try:
        content = read_file(path)
    except Unreadable as error:
        raise SettingsError(f"net.weights: {path} is no state dict that torch can read ({error}). {SAVE}") from error
    state = _unwrapped(content, path)
    if state is None:
        raise SettingsError(f"net.weights: {path} holds no state dict (tensor name → tensor). Save model.state_dict().")
    return {name.removeprefix("module."): value for name, value in state.items()}


def _unwrapped(content: object, path: Path) -> dict[str, Tensor] | None:
    if _is_state(content):
        return content  # type: ignore[return-value]
    if not isinstance(content, dict):
        return None
    found = [key for key in (*WRAPPERS, *AVERAGED) if content.get(key) and _is_state(content[key])]
    if len(found) > 1:
        raise SettingsError(
            f"net.weights: {path} holds several state dicts ({', '.join(found)}). Save the one that is meant alone."
        )
    return content[found[0]] if found else None


def _is_state(content: object) -> bool:
    return isinstance(content, dict) and all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
    )


def fitted(
    state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], where: str, name: str, origin: str
) -> dict[str, Tensor]:
    """Of a state dict, what a backbone wants; torch needs not have counted the batches of batch norms.

    Args:
        state: tensor name → tensor.
        wanted: the backbone's own, without its classifier.
        where: where the state dict was found, the beginning of a complaint.
        name: the backbone's, as `net.trunk` has it.
        origin: whose weights would fit.

    Raises:
        SettingsError: tensors are missing, or have other shapes; or nothing has trained them.
    """
    wrong = [key for key, value in wanted.items() if key not in state or state[key].shape != value.shape]
    wrong = [key for key in wrong if not key.endswith("num_batches_tracked")]
    if wrong:
        raise SettingsError(
            f"{where} does not fit net.trunk={name}: {len(wrong)} of its {len(wanted)} tensors are missing or have "
            f"another shape ({', '.join(wrong[:3])}, …). Give the weights of {origin}'s {name}, or another trunk."
        )
    found = {key: state[key] for key in wanted if key in state}
    check_trained(found, where)
    return found


def check_trained(state: Mapping[str, Tensor], where: str) -> None:
    """Say if the stored statistics of all batch norms are as a network is built: then nothing has trained it.

    Raises:
        SettingsError: they are.
    """
    means = [value for key, value in state.items() if key.endswith("running_mean")]
    if means and not any(mean.any() for mean in means):
        raise SettingsError(
            f"{where} looks untrained: the stored means of all its {len(means)} batch norms are 0. Give weights that "
            f"were trained; net.weights={RANDOM} trains from random ones."
        )


def in_order(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """A state dict under other names: tensor after tensor, all of the same shapes.

    Raises:
        ResourceError: they are not.
    """
    counted = "num_batches_tracked"
    ours = [key for key in wanted if not key.endswith(counted)]
    theirs = [value for key, value in state.items() if not key.endswith(counted)]
    if [value.shape for value in theirs] != [wanted[key].shape for key in ours]:
        raise ResourceError(f"{where}: its tensors are not those of this trunk. Install the package again.")
    return dict(zip(ours, theirs, strict=True))


def check_hash(file: Path, remedy: str) -> None:
    """Files of weights often have the beginning of their content's hash in their names: see that it is so.

    Raises:
        ResourceError: the file holds something else.
    """
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if not digest.startswith(file.stem.rpartition("-")[2]):
        raise ResourceError(
            f"net.weights: {file} cannot be read as what its name says: its content is damaged, or other weights. "
            f"{remedy}"
        )
