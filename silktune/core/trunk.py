"""The ResNet that maps an image to f_RN (P23 §3.1), cut into a frozen prefix and a trained suffix.

Batch norm always uses its stored statistics, in training too, so the prefix is a pure function of the image and the
number of workers changes no statistic. `NB_RN` counts residual blocks from the end; the stem is never trained.

N images, S pixels per side, F length of f_RN (2048 for ResNet-50 and larger, 512 below).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
import torchvision
from torch import Tensor, nn

from silktune.core.state_file import Unreadable, read_file
from silktune.errors import ResourceError, SettingsError, nearest
from silktune.settings.weights import file_of

RANDOM = "none"
SAVE = "Save one with torch.save(model.state_dict(), FILE)."
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


class Trunk(nn.Module):
    """images (N, 3, S, S) in [0, 1] → f_RN (N, F): blocks, global average pool, ReLU.

    With weights other than `none`, ImageNet's mean and deviation are applied to the images first.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, name: str, weights: str, NB_RN: int) -> None:
        super().__init__()
        resnet = torchvision.models.get_model(name, weights=None)
        if weights != RANDOM:
            resnet.load_state_dict(_state(name, weights, resnet.state_dict()), strict=False)
        blocks = [block for layer in (resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4) for block in layer]
        frozen = len(blocks) - NB_RN
        self.prefix = nn.Sequential(resnet.conv1, resnet.bn1, resnet.relu, resnet.maxpool, *blocks[:frozen])
        self.suffix = nn.Sequential(*blocks[frozen:])
        self.F: int = resnet.fc.in_features
        self.register_buffer("mean", torch.zeros(1, 3, 1, 1))
        self.register_buffer("deviation", torch.ones(1, 3, 1, 1))
        if weights != RANDOM:
            self.mean += torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
            self.deviation *= torch.tensor(IMAGENET_DEVIATION).view(1, 3, 1, 1)
        else:
            _begin_as_identity(self.suffix)
        self.prefix.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Trunk:
        """Stays as it is: batch norm uses its stored statistics in training too."""
        return super().train(False)

    def frozen(self, images: Tensor) -> Tensor:
        """What the suffix starts from; without gradient, and the same for all trials that share the prefix."""
        with torch.no_grad():
            result: Tensor = self.prefix((images - self.mean) / self.deviation)
        return result

    def forward(self, images: Tensor) -> Tensor:
        maps: Tensor = self.suffix(self.frozen(images))
        return maps.mean(dim=(2, 3)).relu()

    @torch.no_grad()
    def measure_statistics(self, batches: list[Tensor]) -> None:
        """Set the stored statistics of all batch norms to those of some images, batch by batch in equal shares.

        For random weights only: their stored statistics (0 and 1) would make batch norm do nothing.
        """
        norms = [module for module in self.modules() if isinstance(module, nn.BatchNorm2d)]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a plain mean over the batches
            norm.train()
        for images in batches:
            self(images)
        for norm in norms:
            norm.eval()


def _begin_as_identity(blocks: nn.Sequential) -> None:
    """The residual branch of each block starts at 0: a deep network of random weights then trains from the start."""
    for block in blocks:
        last = [module for module in block.children() if isinstance(module, nn.BatchNorm2d)][-1]
        nn.init.zeros_(last.weight)


def _state(name: str, weights: str, expected: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state dict behind `net.weights`, checked against what the trunk needs (its classifier is left out)."""
    if file := file_of(weights):
        state, where = _from_file(file), f"net.weights: {weights}"
    else:
        state, where = _from_torchvision(name, weights), f"net.weights: {weights} for {name}"
    wanted = {key: value for key, value in expected.items() if not key.startswith("fc.")}
    wrong = [key for key, value in wanted.items() if key not in state or state[key].shape != value.shape]
    wrong = [key for key in wrong if not key.endswith("num_batches_tracked")]
    if wrong:
        raise SettingsError(
            f"{where} does not fit net.trunk={name}: {len(wrong)} of its {len(wanted)} tensors are missing or have "
            f"another shape ({', '.join(wrong[:3])}, …). Give the weights of torchvision's {name}, or another trunk."
        )
    return {key: state[key] for key in wanted if key in state}


def _from_file(path: Path) -> dict[str, Tensor]:
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


def _from_torchvision(name: str, weights: str) -> dict[str, Tensor]:
    known = torchvision.models.get_model_weights(name)
    if weights not in known.__members__:
        choices = [*known.__members__, RANDOM]
        raise SettingsError(
            f"net.weights: {weights} is no name of torchvision's weights for {name}.{nearest(weights, choices)}"
        )
    entry = known[weights]
    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(entry.url).name
    _check_hash(file)
    try:
        state: dict[str, Tensor] = entry.get_state_dict(progress=False, check_hash=True)
    except OSError as error:
        raise ResourceError(
            f"net.weights: torchvision's {weights} for {name} could not be downloaded ({error}). On a machine without "
            f"internet put the file {file.name} into {file.parent}, or give net.weights=FILE, or net.weights=none."
        ) from error
    except Exception as error:  # torch raises whatever its unpickler meets in a copy that broke off
        raise ResourceError(
            f"net.weights: torchvision's {weights} for {name} in {file} cannot be read: it broke off, or is "
            "damaged. Delete it to download it again, or put a whole one there."
        ) from error
    return state


def _check_hash(file: Path) -> None:
    """Torchvision's files have the beginning of their content's hash in their names, and torch looks once, at download.

    Raises:
        ResourceError: the file holds something else.
    """
    if not file.is_file():
        return
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if not digest.startswith(file.stem.rpartition("-")[2]):
        raise ResourceError(
            f"net.weights: {file} cannot be read as what its name says: its content is damaged, or other weights. "
            "Delete it to download it again, or put a whole one there; weights of your own are net.weights=FILE."
        )
