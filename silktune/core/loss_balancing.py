"""What evens out classes and variables in the classification loss, beside the focal weight; each is off by default.

M variables, K_m classes of variable m (with background, where it has any: a network tells it apart too)
n_k training images with the label k, π_k = n_k / Σ n their share
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

TaskWeights = Literal["labels", "equal"]


def logit_adjustment(counts: Sequence[Tensor], tau: float) -> list[Tensor]:
    """τ·ln π_k, added to the logits in training; predictions are made from the logits as they are.

    A class that the training set lacks counts as one image: its logarithm has to be finite.

    Paper: Menon et al. 2021, Long-tail learning via logit adjustment, Eq. (10).
    Differs: nothing. (τ = 1 is the balanced softmax of Ren et al. 2020, Eq. (4).)

    Args:
        counts: M tensors (K_m,) of n_k.
        tau: τ ≥ 0.
    """
    shares = [n.clamp(min=1).double() / n.clamp(min=1).sum() for n in counts]
    return [(tau * share.log()).float() for share in shares]


def effective_weights(counts: Sequence[Tensor], beta: float) -> list[Tensor]:
    """(1 − β) / (1 − β^n_k), the inverse of the effective number of images, scaled to a mean of 1 over the classes.

    A class that the training set lacks counts as one image.

    Paper: Cui et al. 2019, Class-balanced loss based on effective number of samples, Eq. (2) and §4.
    Differs: nothing.

    Args:
        counts: M tensors (K_m,) of n_k.
        beta: β in [0, 1); 0 weighs all classes alike, near 1 by 1/n_k.
    """
    weights = [(1 - beta) / (1 - beta ** n.clamp(min=1).double()) for n in counts]
    return [(w / w.mean()).float() for w in weights]


def balance(totals: Tensor, counts: Tensor, task_weights: TaskWeights) -> Tensor:
    """One mean of the sums of several variables: over all labels, or over the variables that have a label.

    Paper: P23 Eq. (2), for `labels`: Σ totals / N_M.
    Differs: `equal` is ours: (1/M^av) Σ_m total_m / count_m, M^av the variables with a label in the batch.

    Args:
        totals: (M,) sums over the labels of each variable.
        counts: (M,) how many labels these are.
        task_weights: `labels` weighs a variable by its labels, `equal` all variables alike.
    """
    if task_weights == "labels":
        return totals.sum() / counts.sum().clamp(min=1)
    return (totals / counts.clamp(min=1)).sum() / (counts > 0).sum().clamp(min=1)


def counts_per_output(labels: Tensor, outputs: Sequence[int]) -> list[Tensor]:
    """M tensors (K_m,) of n_k, the images with each label.

    Args:
        labels: (N, M) int64, −1 is unknown.
        outputs: the M widths K_m of the logits.
    """
    return [
        torch.bincount(column[column >= 0], minlength=K_m)
        for column, K_m in zip(labels.unbind(1), outputs, strict=True)
    ]
