"""Small trainings for the tests of the loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from silktune.core import training
from silktune.data.dataset import Dataset
from silktune.outcome import Epoch, Outcome
from silktune.settings import Experiment, Runtime

SMALL = {
    "data.image_size": 32,
    "net.trunk": "resnet18",
    "net.weights": "none",
    "net.NB_RN": 1,
    "net.NN_jfc": (16,),
    "net.NN_tfc": (8,),
    "train.learning_rate": 1e-3,
    "train.batch_size": 16,
    "train.max_epochs": 3,
}


def small(**changes: Any) -> Experiment:
    """A small experiment; `loss__gamma=0` changes loss.gamma."""
    return Experiment().with_(SMALL | {name.replace("__", "."): value for name, value in changes.items()})


def runtime(folder: Path | None = None) -> Runtime:
    """With a checkpoint after every epoch."""
    return Runtime(device="cpu", threads=1, folder=folder, checkpoint_seconds=0)


def train(experiment: Experiment, data: Dataset, folder: Path | None = None) -> Outcome:
    return training.train(experiment, runtime(folder), data, lambda epoch: None)


def timeless(outcome: Outcome) -> Outcome:
    """An outcome without what a clock says."""
    epochs = tuple(without_seconds(epoch) for epoch in outcome.epochs)
    return outcome.model_copy(update={"epochs": epochs, "seconds": 0.0})


def without_seconds(epoch: Epoch) -> Epoch:
    return epoch.model_copy(update={"seconds": 0.0})
