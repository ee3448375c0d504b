"""SilkNet (P23 §3.1, Fig. 1) and, by its settings alone, the single-task network of P22 (Fig. 1).

N images, M variables, K_m classes of variable m (+1 where it has background), D = NN_jfc[-1].
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from silktune.core import backbones
from silktune.core.backbones import Prefix, Suffix
from silktune.settings import Net


class SilkNet(nn.Module):
    """inputs → f_RN → ReLU → dropout → joint fc → f_jfc → clustering head and classification head.

    It starts where the frozen prefix of its backbone ends: `inputs` are what the prefix makes of the images.

    Paper: P23 §3.1; P22 is M = 1, NN_jfc (1024, 32), NN_tfc ().
    Differs: the backbone need not be a ResNet.
    """

    def __init__(self, net: Net, suffix: Suffix, outputs: Sequence[int]) -> None:
        super().__init__()
        self.suffix = suffix
        self.dropout = nn.Dropout(net.dropout)
        self.joint = _layers([suffix.F, *net.NN_jfc])
        D = net.NN_jfc[-1]
        self.tasks = nn.ModuleList(_layers([D, *net.NN_tfc, K_m]) for K_m in outputs)

    def initialise(self) -> None:
        """He initialisation of the added layers, biases 0, from torch's global stream (P23 §3.2)."""
        for module in [*self.joint.modules(), *self.tasks.modules()]:
            if isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)

    def forward(self, inputs: Tensor, dropout_mask: Tensor | None = None) -> tuple[list[Tensor], Tensor]:
        """Inputs of N images → M tensors of logits a_mk (N, K_m) and the unit vectors f (N, D)."""
        f_jfc = self.f_jfc(inputs, dropout_mask)
        return self.classify(f_jfc), self.cluster(f_jfc)

    def dropout_mask(self, N: int, generator: torch.Generator | None = None) -> Tensor:
        """(N, F) the factors by which dropout changes f_RN, from a generator on this network's device; 1 in evaluation.

        They are drawn for the whole batch, of which a worker takes its rows: so the network that is trained does not
        depend on the number of workers.
        """
        factors = torch.ones((N, self.suffix.F), device=next(self.parameters()).device)
        left = 1 - self.dropout.p
        if not self.training or left == 1:
            return factors
        return factors.bernoulli_(left, generator=generator).div_(left)

    def f_jfc(self, inputs: Tensor, dropout_mask: Tensor | None = None) -> Tensor:
        """Inputs of N images → (N, D), linear in its last layer; without a mask these N are the whole batch."""
        return self.joined(self.suffix(inputs), dropout_mask)

    def joined(self, f_RN: Tensor, dropout_mask: Tensor | None = None) -> Tensor:
        """f_RN of N images (N, F) → f_jfc (N, D)."""
        # shape[0], not len(): torch.export would take len() for a constant, and the exported network only that N
        mask = self.dropout_mask(f_RN.shape[0]) if dropout_mask is None else dropout_mask
        result: Tensor = self.joint(f_RN * mask)
        return result.float()  # losses and unit vectors are float32, whatever the network computes in

    def classify(self, f_jfc: Tensor) -> list[Tensor]:
        """(N, D) → M tensors of logits (N, K_m)."""
        return [task(f_jfc.relu()).float() for task in self.tasks]

    def cluster(self, f_jfc: Tensor) -> Tensor:
        """(N, D) → the same as unit vectors, taken before the ReLU."""
        return F.normalize(f_jfc, dim=1)


class Network(nn.Module):
    """A SilkNet behind the frozen prefix of its backbone: from images to logits. It is what a training leaves."""

    def __init__(self, prefix: Prefix, silknet: SilkNet) -> None:
        super().__init__()
        self.prefix, self.silknet = prefix, silknet

    def forward(self, images: Tensor) -> list[Tensor]:
        """(N, 3, S, S) in [0, 1] → M tensors of logits a_mk (N, K_m)."""
        return self.silknet.classify(self.silknet.f_jfc(self.prefix(images)))


def network(net: Net, outputs: Sequence[int], image_size: int) -> Network:
    """The network of some settings, on the CPU; the added layers are as torch makes them.

    Args:
        net: its settings.
        outputs: of every variable, K_m (+1 where it has background).
        image_size: S, pixels per side of the images that it will see.

    Raises:
        SettingsError: there is no such backbone or weights, or it takes no such images.
        ResourceError: its weights cannot be had.
    """
    prefix, suffix = backbones.build(net.trunk, net.weights, image_size).split(net.NB_RN)
    return Network(prefix, SilkNet(net, suffix, outputs))


def _layers(widths: Sequence[int]) -> nn.Sequential:
    """Fully connected layers with ReLU between them; the last one is linear."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
