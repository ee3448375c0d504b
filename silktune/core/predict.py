"""What a trained network says of images, and how good that is.

N images, M variables, K_m classes of variable m (+1 where it has background).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from silktune.core import metrics
from silktune.core.batch_sampling import Rows, pieces
from silktune.core.collective import ALONE
from silktune.core.loader import feed
from silktune.core.silknet import Network, network
from silktune.core.torch_file import Unreadable, read_file
from silktune.data.dataset import Dataset
from silktune.errors import StudyError
from silktune.outcome import Scores, Subset
from silktune.settings import Experiment
from silktune.settings.pretrained_weights import RANDOM

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
    """The network that a training left in `path`, on the CPU.

    Raises:
        StudyError: the file is missing, or is not of this experiment.
    """
    settings = experiment.net.model_copy(update={"weights": RANDOM})  # the file has them all
    trained = network(settings, [variable.outputs for variable in data.variables])
    try:
        trained.load_state_dict(read_file(path))
    except Unreadable as error:
        raise StudyError(f"{path} is not the model of these settings: {error}.") from error
    except (RuntimeError, TypeError) as error:  # torch names every tensor that differs
        raise StudyError(f"{path} is not the model of these settings: its tensors are others.") from error
    return trained.eval()


@torch.no_grad()
def predict(network: Network, data: Dataset, rows: Rows, device: torch.device) -> NDArray[np.int64]:
    """The most probable class of every variable: (len(rows), M) class ids; background is K_m."""
    network.eval()
    if len(rows) == 0:
        return np.empty((0, len(data.variables)), np.int64)
    silknet, batches = network.silknet, feed(data, pieces(rows, IMAGES_AT_ONCE), device, ALONE, network.prefix)
    parts = [
        torch.stack([a.argmax(1) for a in silknet.classify(silknet.f_jfc(batch.inputs))], dim=1) for batch in batches
    ]
    result: NDArray[np.int64] = torch.cat(parts).cpu().numpy()
    return result


def evaluate(network: Network, data: Dataset, subset: Subset, device: torch.device) -> Scores:
    """The scores of a network on a subset of the data set."""
    rows = data.rows(subset)
    return metrics.scores(data.labels[rows], predict(network, data, rows, device), data.variables)
