"""Models of several networks: the mean of what each says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from silktune.core.pixels import as_images
from silktune.data.dataset import Dataset
from silktune.errors import StudyError
from silktune.model import calibration
from silktune.model.ensemble import Ensemble
from tests.model.conftest import Left
from tests.model.trained import leave

CPU = torch.device("cpu")


def test_it_says_the_calibrated_mean(runs: list[Left], woven: Dataset) -> None:
    model = Ensemble.load([path for _, path in runs], CPU)
    pixels = woven.images[np.arange(7)]
    with torch.no_grad():
        logits = [trained.network(as_images(torch.from_numpy(pixels))) for trained, _ in runs]
    found = model(pixels)
    for m, name in enumerate(model.names):
        mean = torch.stack([each[m].softmax(1) for each in logits]).mean(0).numpy()
        expected = calibration.sharpened(mean, model.temperatures[name])
        np.testing.assert_allclose(found.probabilities[m], expected, atol=1e-5)


def test_what_is_frozen_in_common_is_loaded_and_computed_once(
    runs: list[Left], woven: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Ensemble.load([path for _, path in runs], CPU)
    first, second = (member.network for member in model.members)
    assert first.prefix is second.prefix
    calls, forward = [], type(first.prefix).forward
    monkeypatch.setattr(type(first.prefix), "forward", lambda self, x: calls.append(len(x)) or forward(self, x))
    model(woven.images[np.arange(5)])
    assert calls == [5]


def test_images_of_the_data_set_are_like_it(runs: list[Left], woven: Dataset) -> None:
    model = Ensemble.load([runs[0][1]], CPU)
    like = model(woven.images[woven.rows("test")]).unlike
    assert (like <= 1.2).mean() > 0.8


def test_runs_of_other_images_have_no_mean(runs: list[Left], woven: Dataset, tmp_path: Path) -> None:
    _, other = leave(woven, tmp_path / "other", data__variables=("place",))
    with pytest.raises(StudyError, match="are models of other data, variables or images: there is no mean of them"):
        Ensemble.load([runs[0][1], other], CPU)
