"""When a training is over, and which of its epochs is the best one (P23 §5.1)."""

from __future__ import annotations

from collections.abc import Sequence

from silktune.outcome import Epoch, StopOn
from silktune.settings import Train


def best(epochs: Sequence[Epoch], stop_on: StopOn) -> Epoch:
    """The best of some epochs, at least one; of equals the earliest.

    Paper: P23 §5.1: the epoch with the smallest validation loss.
    Differs: nothing, for `L`. `C` and `mean_f1` are ours: they ask every training for the same, whatever its loss.

    Args:
        epochs: of one training, in their order.
        stop_on: `L`, the smallest validation loss; `C`, the smallest validation cross-entropy CE of the predictions
            (`terms.cross_entropy`); `mean_f1`, the largest validation mean F1.
    """
    if stop_on == "mean_f1":
        return max(epochs, key=lambda epoch: epoch.validation.mean_f1)
    term = {"L": "L", "C": "CE"}[stop_on]
    return min(epochs, key=lambda epoch: epoch.validation_loss[term])


def saturated(epochs: Sequence[Epoch], settings: Train) -> bool:
    """Whether a training is over after these epochs."""
    if len(epochs) >= settings.max_epochs:
        return True
    return bool(epochs) and len(epochs) - best(epochs, settings.stop_on).number >= settings.patience
