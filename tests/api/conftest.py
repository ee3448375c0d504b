"""Small studies through the Python interface, on the local executor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import silktune
from silktune.api.studies import AblationStudy, SearchStudy
from silktune.data.dataset import Dataset

SPACE = """
question: Which γ?
set:
  data.image_size: 32
  net.trunk: timm/test_resnet
  net.weights: none
  net.NB_RN: 1
  net.NN_jfc: [8]
  net.NN_tfc: []
  train.batch_size: 24
search:
  loss.gamma: {choices: [0.0, 1.0]}
  train.learning_rate: {choices: [0.001]}
"""
ROWS = """
question: Does focussing help?
runs: 2
base:
  id: MTL
  set:
    data.image_size: 32
    net.trunk: timm/test_resnet
    net.weights: none
    net.NB_RN: 1
    net.NN_jfc: [8]
    net.NN_tfc: []
    train.batch_size: 24
    loss.gamma: 0
    loss.lambda_aux: 0
rows:
  - {id: MTL^fo, set: {loss.gamma: 2}}
"""
ONE_EPOCH = {"train.max_epochs": 1}


class Here:
    """A folder with a space and a table, in which studies are made."""

    def __init__(self, folder: Path, data: Dataset) -> None:
        self.folder, self.data = folder, data
        (folder / "space.yaml").write_text(SPACE, encoding="utf-8")
        (folder / "rows.yaml").write_text(ROWS, encoding="utf-8")

    @property
    def common(self) -> dict[str, Any]:
        return {"settings": ONE_EPOCH, "executor": "local", "device": "cpu", "root": self.folder / "runs"}

    def search(self, **changes: Any) -> SearchStudy:
        given: dict[str, Any] = {
            "space": self.folder / "space.yaml", "sampler": "grid", "confirm": 0, "final_runs": 2, "name": "s"
        }  # fmt: skip
        return silktune.search(self.data.folder, **(given | self.common | changes))

    def ablate(self, **changes: Any) -> AblationStudy:
        given: dict[str, Any] = {"table": self.folder / "rows.yaml", "name": "a"}
        return silktune.ablate(self.data.folder, **(given | self.common | changes))


@pytest.fixture(scope="session")
def here(tmp_path_factory: pytest.TempPathFactory, tiny: Dataset) -> Here:
    """Shared by all tests, which do not touch what they did not make."""
    return Here(tmp_path_factory.mktemp("api"), tiny)


@pytest.fixture(scope="session")
def searched(here: Here) -> SearchStudy:
    return here.search()


@pytest.fixture(scope="session")
def ablated(here: Here) -> AblationStudy:
    return here.ablate()
