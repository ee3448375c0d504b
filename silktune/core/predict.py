"""What a trained network says of images, and how good that is.

N images, M variables, K_m classes of variable m (+1 where it has background).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from silktune.core import metrics
from silktune.core.batch_sampling import Rows, pieces
from silktune.core.collective import ALONE
from silktune.core.inputs import Inputs
from silktune.core.loader import Loader
from silktune.core.silknet import SilkNet
from silktune.outcome import Scores, Subset

IMAGES_AT_ONCE = 256


def probabilities(net: SilkNet, inputs: Inputs, rows: Rows) -> tuple[NDArray[np.float32], ...]:
    """y_mk, the softmax of every variable: M arrays (len(rows), K_m) float32; background is the last class.

    Args:
        net: trained, on the device of its inputs' trunk.
        inputs: of the data set that the rows are of.
        rows: any.
    """
    return probabilities_and_features(net, inputs, rows)[0]


@torch.no_grad()
def probabilities_and_features(
    net: SilkNet, inputs: Inputs, rows: Rows
) -> tuple[tuple[NDArray[np.float32], ...], NDArray[np.float32]]:
    """`probabilities`, and f_RN of the same rows, (len(rows), F)."""
    net.eval()
    data, device = inputs.trunk.data, inputs.trunk.device
    if len(rows) == 0:
        nothing = tuple(np.empty((0, variable.outputs), np.float32) for variable in data.variables)
        return nothing, np.empty((0, net.suffix.F), np.float32)
    parts = []
    with inputs.trunk.autocast():
        for batch in Loader(data, inputs, device, ALONE).feed(pieces(rows, IMAGES_AT_ONCE)):
            f_RN = net.suffix(batch.inputs)
            shares = [a.float().softmax(1) for a in net.classify(net.joined(f_RN))]
            parts.append([each.float().cpu() for each in (f_RN, *shares)])
    f, *y = (torch.cat(each).numpy() for each in zip(*parts, strict=True))
    return tuple(y), f


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
