"""Files of weights: read, and checked against what a backbone needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from silktune.core.torch_file import Unreadable, read_file
from silktune.errors import SettingsError

SAVE = "Save one with torch.save(model.state_dict(), FILE)."


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
        SettingsError: tensors are missing, or have other shapes.
    """
    wrong = [key for key, value in wanted.items() if key not in state or state[key].shape != value.shape]
    wrong = [key for key in wrong if not key.endswith("num_batches_tracked")]
    if wrong:
        raise SettingsError(
            f"{where} does not fit net.trunk={name}: {len(wrong)} of its {len(wanted)} tensors are missing or have "
            f"another shape ({', '.join(wrong[:3])}, …). Give the weights of {origin}'s {name}, or another trunk."
        )
    return {key: state[key] for key in wanted if key in state}


def read(path: Path) -> dict[str, Tensor]:
    """The state dict in a file.

    Raises:
        SettingsError: there is none that torch can read.
    """
    if path.is_dir():
        raise SettingsError(f"net.weights: {path} is a folder. Give the file of a state dict in it. {SAVE}")
    if not path.exists():
        raise SettingsError(f"net.weights: there is no file {path}. Give a file, a torchvision name, or none.")
    try:
        state = read_file(path)
    except Unreadable as error:
        raise SettingsError(f"net.weights: {path} is no state dict that torch can read ({error}). {SAVE}") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise SettingsError(f"net.weights: {path} holds no state dict (tensor name → tensor). Save model.state_dict().")
    return {str(key).removeprefix("module."): value for key, value in state.items()}
