"""What a study keeps for its trials."""

from __future__ import annotations

from pathlib import Path

from silktune.data.dataset import Dataset
from silktune.data.prepare import prepare
from silktune.data.sample_data.collection import weave
from silktune.orchestrate.activations import StudyActivations
from silktune.orchestrate.executors.local import LocalExecutor
from silktune.settings import Data
from tests.core.test_activations import Heard
from tests.core.trainings import small


def test_what_does_not_fit_is_said_once(tmp_path: Path) -> None:
    """Trials and final runs ask for the same."""
    folder = prepare(weave(tmp_path / "sample", 60, 0), None, Data(image_size=32), tmp_path / "data", workers=1)
    heard, experiment = Heard(), small(net__NB_RN=0)
    kept = StudyActivations(Dataset.open(folder), LocalExecutor("cpu"), 1e-6, heard)
    for _ in range(2):
        kept.compute([experiment])
        assert kept.of(experiment) == ()
    assert len(heard.notes) == 1
