"""torchvision's ResNets (P23 §3.1).

Differs: ResNet v1.5 in place of the pre-activation v2.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from silktune.core.backbones import state_dicts
from silktune.core.backbones.backbone import Backbone
from silktune.errors import ResourceError, SettingsError, nearest
from silktune.settings.pretrained_weights import PRETRAINED, RANDOM, file_of

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
AGAIN = "Delete it to download it again, or put a whole one there; weights of your own are net.weights=FILE."


def build(name: str, weights: str, image_size: int) -> Backbone:
    """A ResNet, for images of any size; random weights start from images as they are, others from normalised ones."""
    del image_size  # it ends in a mean over pixels
    import torchvision  # takes a second

    resnet = torchvision.models.get_model(name, weights=None)
    pretrained = weights != RANDOM
    if pretrained:
        resnet.load_state_dict(_state(name, weights, resnet.state_dict()), strict=False)
    layers = (resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4)
    return Backbone(
        name=name,
        stem=nn.Sequential(resnet.conv1, resnet.bn1, resnet.relu, resnet.maxpool),
        blocks=[block for layer in layers for block in layer],
        pooling=_MeanOverPixels(),
        F=resnet.fc.in_features,
        image_size=224,
        mean=IMAGENET_MEAN if pretrained else (0, 0, 0),
        deviation=IMAGENET_DEVIATION if pretrained else (1, 1, 1),
        identity_at_first=None if pretrained else _begin_as_identity,
    )


class _MeanOverPixels(nn.Module):
    def forward(self, maps: Tensor) -> Tensor:
        return maps.mean(dim=(2, 3))


def _begin_as_identity(block: nn.Module) -> None:
    """The residual branch of a block starts at 0: a deep network of random weights then trains from the start."""
    last = [module for module in block.children() if isinstance(module, nn.BatchNorm2d)][-1]
    nn.init.zeros_(last.weight)


def _state(name: str, weights: str, expected: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state dict behind `net.weights`, checked against what the ResNet needs (its classifier is left out)."""
    if file := file_of(weights):
        state, where = state_dicts.read(file), f"net.weights: {weights}"
    else:
        state, where = _from_torchvision(name, weights), f"net.weights: {weights} for {name}"
    wanted = {key: value for key, value in expected.items() if not key.startswith("fc.")}
    return state_dicts.fitted(state, wanted, where, name, "torchvision")


def _from_torchvision(name: str, weights: str) -> dict[str, Tensor]:
    import torchvision

    known = torchvision.models.get_model_weights(name)
    if weights not in known.__members__:
        choices = [PRETRAINED, *known.__members__, RANDOM]
        raise SettingsError(
            f"net.weights: {weights} is no name of torchvision's weights for {name}.{nearest(weights, choices)}"
        )
    entry = known[weights]
    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(entry.url).name
    if file.is_file():  # torch looks once, at download
        state_dicts.check_hash(file, AGAIN)
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
