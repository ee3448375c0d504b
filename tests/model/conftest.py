"""Two runs of the same settings, as a search's final runs are."""

from __future__ import annotations

from pathlib import Path

import pytest

from silktune.core.training import Trained
from silktune.data.dataset import Dataset
from tests.model.trained import leave

Left = tuple[Trained, Path]


@pytest.fixture(scope="session")
def runs(woven: Dataset, tmp_path_factory: pytest.TempPathFactory) -> list[Left]:
    """They froze the same: a trunk of the same weights."""
    folder = tmp_path_factory.mktemp("runs")
    lite = {"net__trunk": "timm/tf_efficientnet_lite0", "net__weights": "pretrained", "net__NB_RN": 0}
    return [leave(woven, folder / f"run{seed}", train__seed=seed, **lite) for seed in (1, 2)]
