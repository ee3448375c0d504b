"""The winner's network as an MLflow model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from silktune.errors import TrackingError
from silktune.tracking import store
from silktune.tracking.mlflow_tracker import MlflowTracker
from silktune.tracking.model import log_model
from tests.tracking.samples import content, tracker

CLASSES = {"place": ["FR", "IT", "ES", "DE"], "time": ["XVII", "XVIII", "background"]}


class Toy(nn.Module):
    """Images (N, 3, S, S) → variable → probabilities (N, K_m)."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.5))
        self.heads = nn.ModuleDict({name: nn.Linear(8, len(classes)) for name, classes in CLASSES.items()})

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        features = self.trunk(images).mean((2, 3))
        return {name: head(features).softmax(1) for name, head in self.heads.items()}


class Stubborn(nn.Module):
    """Cannot be traced: what it does depends on what it sees."""

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        if images.sum().item() > 0:
            return {name: images.mean((1, 2, 3)).unsqueeze(1) for name in CLASSES}
        return {}


@pytest.fixture
def one(runs: Path) -> Iterator[MlflowTracker]:
    before = mlflow.get_tracking_uri()
    opened = tracker(runs)
    opened.open({}, {})
    opened.trial("final", "f0", {}, {})
    mlflow.set_tracking_uri(store.uri(runs))  # for those who load a model
    yield opened
    mlflow.set_tracking_uri(before)


def images(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, 3, 12, 12), dtype=np.float32)


def log(one: MlflowTracker, network: nn.Module, *, register: str = "") -> str:
    return log_model(
        one, "final", network, images(2), name="winner", classes=CLASSES, metadata={"study": "quick"}, register=register
    )


def test_it_loads_without_silktune_and_predicts_the_same(one: MlflowTracker, runs: Path) -> None:
    network = Toy().train()
    address = log(one, network)
    assert network.training  # nothing was done to it
    network.eval()
    with torch.no_grad():
        wanted = torch.cat(list(network(torch.from_numpy(images(5, seed=1))).values()), 1).numpy()
    python = mlflow.pyfunc.load_model(address)
    for count in (5, 1):  # any number of images
        assert np.allclose(python.predict(images(5, seed=1)[:count]), wanted[:count], atol=1e-6)
    with torch.no_grad():
        loaded = mlflow.pytorch.load_model(address)(torch.from_numpy(images(5, seed=1))).numpy()
    assert np.allclose(loaded, wanted, atol=1e-6)
    known = python.metadata.metadata
    assert known["study"] == "quick"
    assert known["columns"] == [
        {"variable": variable, "class": name} for variable, names in CLASSES.items() for name in names
    ]
    assert [tuple(tensor.shape) for tensor in python.metadata.signature.inputs.inputs] == [(-1, 3, 12, 12)]
    assert content(runs)["final runs"]["models"] == [address.removeprefix("models:/")]


def test_the_same_weights_are_kept_once_and_registered_only_when_asked(one: MlflowTracker, runs: Path) -> None:
    network = Toy()
    address = log(one, network)
    assert not one.store.client.search_registered_models()
    later = tracker(runs)
    later.open({}, {})
    for _ in range(2):
        assert log(later, network, register="silk") == address
    assert len(later.store.client.search_model_versions("name = 'silk'")) == 1
    with torch.no_grad():
        network.heads["time"].bias += 1
    assert log(later, network) != address
    assert len(content(runs)["final runs"]["models"]) == 2


def test_a_model_that_cannot_be_kept_leaves_nothing(one: MlflowTracker, runs: Path) -> None:
    with pytest.raises(Exception) as raised:  # noqa: PT011
        log(one, Stubborn())
    assert not isinstance(raised.value, TrackingError)
    assert not one.store.client.search_logged_models([one.store.experiment])
    assert content(runs)["final runs"]["models"] == []


def test_what_a_killed_driver_left_is_removed(one: MlflowTracker) -> None:
    client, run = one.store.client, one.run("final")
    client.create_logged_model(run.experiment, "winner", source_run_id=run.id)
    address = log(one, Toy())
    (kept,) = client.search_logged_models([run.experiment])
    assert (f"models:/{kept.model_id}", str(kept.status)) == (address, "READY")
