"""The network that a search keeps, as MLflow gives it back: for any number of images."""

from __future__ import annotations

from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import torch

from silktune.core.predict import Classifier
from silktune.core.silknet import network
from silktune.settings import Net
from silktune.settings.pretrained_weights import RANDOM
from silktune.settings.trunks import BLOCKS
from silktune.tracking.model import log_model
from tests.tracking.samples import tracker

CLASSES = {"place=made": ["FR", "IT", "ES"], "material": ["vegetal_fibre", "animal_fibre"]}


def images(count: int) -> np.ndarray:
    return np.random.default_rng(count).random((count, 3, 32, 32), dtype=np.float32)


def classifier(trunk: str, dropout: float, NB_RN: int) -> Classifier:
    torch.manual_seed(0)
    net = Net(trunk=trunk, weights=RANDOM, NB_RN=NB_RN, NN_jfc=(8,), NN_tfc=(4,), dropout=dropout)
    return Classifier(network(net, [len(names) for names in CLASSES.values()], 32).eval(), tuple(CLASSES))


def restored(runs: Path, network: Classifier, example: np.ndarray) -> mlflow.pyfunc.PyFuncModel:
    """The network after it was logged and loaded again."""
    opened = tracker(runs)
    opened.open({}, {})
    opened.trial("final", "f0", {}, {})
    address = log_model(opened, "final", network, example, name="silknet", classes=CLASSES, metadata={})
    location = opened.store.client.get_logged_model(address.removeprefix("models:/")).artifact_location
    return mlflow.pyfunc.load_model(location)


@pytest.mark.parametrize(
    ("trunk", "dropout", "NB_RN", "example"),
    [
        *((trunk, 0.3, 1, 2) for trunk in BLOCKS),
        ("resnet18", 0.0, 8, 2),
        ("resnet18", 0.3, 0, 1),
        *((f"timm/{trunk}", 0.3, 1, 2) for trunk in ("tf_efficientnet_lite0", "vit_tiny_patch16_224", "convnext_atto")),
        ("timm/regnetx_002", 0.3, 0, 2),
    ],
)
def test_a_trained_network_takes_any_number_of_images(
    trunk: str, dropout: float, NB_RN: int, example: int, runs: Path
) -> None:
    network = classifier(trunk, dropout, NB_RN)
    python = restored(runs, network, images(example))
    for count in (1, 2, 3, 5, 64):
        with torch.no_grad():
            expected = torch.cat(list(network(torch.from_numpy(images(count))).values()), 1).numpy()
        assert np.allclose(python.predict(images(count)), expected, atol=1e-5), count


def test_what_it_says_of_its_columns_decodes_its_answers(runs: Path) -> None:
    """The table's order of the variables is not the alphabet's, nor is that of their classes."""
    network = classifier("resnet18", 0.3, 1)
    python = restored(runs, network, images(2))
    answers = pd.DataFrame(python.predict(images(5)))
    answers.columns = pd.MultiIndex.from_frame(pd.DataFrame(python.metadata.metadata["columns"])[["variable", "class"]])
    with torch.no_grad():
        expected = network(torch.from_numpy(images(5)))
    for variable, names in CLASSES.items():
        assert list(answers[variable].columns) == names
        assert np.allclose(answers[variable], expected[variable], atol=1e-5)
        assert answers[variable].idxmax(axis=1).tolist() == [names[k] for k in expected[variable].argmax(1)]
