"""Small trainings that leave a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from silktune.core import training
from silktune.core.training import Trained
from silktune.data.dataset import Dataset
from silktune.model import finished_run
from silktune.model.folder import FOLDER
from silktune.settings import Runtime
from tests.core.trainings import small

TINY: dict[str, Any] = {"net__trunk": "timm/test_resnet", "train__max_epochs": 1, "train__batch_size": 64}


def leave(data: Dataset, folder: Path, *, test: bool = True, **changes: Any) -> tuple[Trained, Path]:
    """A training, and the folder of the model that it left."""
    runtime = Runtime(device="cpu", threads=1, folder=folder)
    trained = training.fit(small(**TINY | changes), runtime, data, lambda epoch: None)
    finished_run.finish(trained, runtime, folder.name, test=test)
    return trained, folder / FOLDER
