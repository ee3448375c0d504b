"""What a trained network says of images, and how good that is.

N images, M variables, K_m classes of variable m (+1 where it has background).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from silktune.core import metrics
from silktune.core.batch_sampling import Rows, pieces
from silktune.core.collective import ALONE
from silktune.core.inputs import Inputs
from silktune.core.loader import Loader
from silktune.core.silknet import Network, SilkNet
from silktune.core.torch_file import Unreadable, read_file
from silktune.core.training_loop import build
from silktune.core.trunk import Trunk
from silktune.data.dataset import Dataset
from silktune.errors import StudyError
from silktune.outcome import Scores, Subset
from silktune.settings import Experiment

IMAGES_AT_ONCE = 256


class Classifier(nn.Module):
    """The classification head alone, as it is used after training: images → class probabilities by variable."""

    def __init__(self, network: Network, variables: tuple[str, ...]) -> None:
        super().__init__()
        self.network = network
        self.variables = variables

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """(N, 3, S, S) floats in [0, 1] → for every variable y_mk (N, K_m), the softmax of its logits."""
        logits = self.network(images)
        return {name: a.softmax(1) for name, a in zip(self.variables, logits, strict=True)}


def load(path: Path, experiment: Experiment, data: Dataset) -> Network:
    """The network that a training left in `path`, on the CPU, behind the trunk that it was trained on.

    Raises:
        StudyError: the file is missing, or is not of this experiment.
        SettingsError: the trunk's weights are missing.
        ResourceError: they cannot be had.
    """
    trunk = Trunk(experiment, data, torch.device("cpu"))
    net = build(Inputs.of(trunk))
    try:
        net.load_state_dict(read_file(path))
    except Unreadable as error:
        raise StudyError(f"{path} is not the model of these settings: {error}.") from error
    except (RuntimeError, TypeError) as error:  # torch names every tensor that differs
        raise StudyError(f"{path} is not the model of these settings: its tensors are others.") from error
    return Network(trunk.prefix, net).eval()


@torch.no_grad()
def probabilities(net: SilkNet, inputs: Inputs, rows: Rows) -> tuple[NDArray[np.float32], ...]:
    """y_mk, the softmax of every variable: M arrays (len(rows), K_m) float32; background is the last class.

    Args:
        net: trained, on the device of its inputs' trunk.
        inputs: of the data set that the rows are of.
        rows: any.
    """
    net.eval()
    data, device = inputs.trunk.data, inputs.trunk.device
    if len(rows) == 0:
        return tuple(np.empty((0, variable.outputs), np.float32) for variable in data.variables)
    batches = Loader(data, inputs, device, ALONE).feed(pieces(rows, IMAGES_AT_ONCE))
    with inputs.trunk.autocast():
        parts = [[a.float().softmax(1) for a in net.classify(net.f_jfc(batch.inputs))] for batch in batches]
    return tuple(torch.cat(each).cpu().numpy() for each in zip(*parts, strict=True))


def predict(net: SilkNet, inputs: Inputs, rows: Rows) -> NDArray[np.int64]:
    """The most probable class of every variable: (len(rows), M) class ids; background is K_m."""
    return _most_probable(probabilities(net, inputs, rows))


def evaluate(net: SilkNet, inputs: Inputs, subset: Subset) -> Scores:
    """The scores of a network on a subset of its data set."""
    return evaluate_images(net, inputs, subset)[0]


def evaluate_images(net: SilkNet, inputs: Inputs, subset: Subset) -> tuple[Scores, tuple[NDArray[np.float32], ...]]:
    """`evaluate`, and the probabilities that the scores are of, a row for each of the subset's rows."""
    data = inputs.trunk.data
    rows = data.rows(subset)
    found = probabilities(net, inputs, rows)
    return metrics.scores(data.labels[rows], _most_probable(found), data.variables), found


def _most_probable(probabilities: Sequence[NDArray[np.float32]]) -> NDArray[np.int64]:
    return np.stack([each.argmax(axis=1) for each in probabilities], axis=1).astype(np.int64)
