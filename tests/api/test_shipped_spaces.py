"""The space of the demo trains, on the weights that a package brings."""

from __future__ import annotations

from pathlib import Path

import silktune
from silktune.data.dataset import Dataset
from tests.api.conftest import ONE_EPOCH


def test_the_demo_in_small(tiny: Dataset, tmp_path: Path) -> None:
    small = ONE_EPOCH | {"data.image_size": 32, "train.batch_size": 30}
    study = silktune.search(
        tiny.folder, "quick", small, trials=2, confirm=0, final_runs=1, executor="local", device="cpu", root=tmp_path
    )
    assert study.trials["state"].tolist() == ["finished"] * 2
    assert study.trials["loss.gamma"].iloc[0] == 2  # the space's first point
    assert study.winner.experiment.net.trunk == "timm/tf_efficientnet_lite0"
    assert study.winner.experiment.net.weights == "pretrained"
    assert "## Rare classes" in (study.folder / "report.md").read_text(encoding="utf-8")
