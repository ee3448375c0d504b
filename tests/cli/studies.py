"""`silktune search` and `silktune ablate` without a Ray: trials are played, everything around them is real."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from silktune.cli.app import app
from silktune.core import metrics, training
from silktune.core.silknet import network
from silktune.data.dataset import Dataset
from silktune.model import folder
from silktune.model.folder import FOLDER, Description
from silktune.model.novelty import Neighbours
from silktune.orchestrate import executors
from silktune.orchestrate.coordinator import Coordinator
from silktune.outcome import Epoch, Outcome, Scores
from silktune.storage import Storage
from silktune.study import predictions
from silktune.study.figures import ablation_figures
from silktune.study.plan import Trial
from silktune.study.predictions import Predictions
from silktune.tracking import mlflow_tracker

SPACE = """
question: Which γ?
set:
  {data.image_size: 32, net.trunk: timm/test_resnet, net.weights: none, net.NB_RN: 1, net.NN_jfc: [8], net.NN_tfc: []}
search:
  loss.gamma: {choices: [0.0, 1.0, 2.0, 3.0]}
  train.batch_size: {choices: [24]}
"""
ROWS = """
question: Does the auxiliary clustering help?
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
  - {id: MTL+R^sem, set: {loss.lambda_aux: 1, loss.alpha_sem: 1, loss.alpha_co: 0, loss.alpha_slf: 0}}
"""
SEARCH = ("search", "space.yaml", "--sampler", "grid", "--confirm", "2", "--final-runs", "2")
ABLATE = ("ablate", "rows.yaml")
Between = Callable[[Trial], object]


class Studies:
    """A folder in which silktune runs; `between` is called before a trial ends."""

    def __init__(self, folder: Path, data: Dataset, patch: pytest.MonkeyPatch, *, figures: bool = False) -> None:
        """Figures take seconds: they are drawn only where somebody looks at them."""
        self.folder, self.data, self.between = folder, data, lambda trial: None
        (folder / "space.yaml").write_text(SPACE, encoding="utf-8")
        (folder / "rows.yaml").write_text(ROWS, encoding="utf-8")
        patch.chdir(folder)
        patch.setattr(executors, "executor", lambda kind, placement: Playing(self))
        patch.setenv("COLUMNS", "120")
        if not figures:
            patch.setattr(ablation_figures, "write", lambda results, folder: None)
            patch.setattr(mlflow_tracker, "pictures", lambda scores, folder: ())

    @property
    def study(self) -> Path:
        return self.folder / "runs" / "study"

    def begin(self, *words: str) -> Result:
        return self.silktune(*words, "--data", str(self.data.folder), "--name", "study", "--device", "cpu")

    def silktune(self, *words: str) -> Result:
        return CliRunner().invoke(app, words)


class Playing:
    """An executor whose trials end at once, with figures that their settings decide."""

    device = "cpu"
    here = False  # so that nothing is kept of a trunk, which no trial of this one reads

    def __init__(self, studies: Studies) -> None:
        self.studies = studies

    def open(self) -> AbstractContextManager[None]:
        return nullcontext()

    def run(self, coordinator: Coordinator, data: Dataset, *, test: bool, seconds: float | None = None) -> None:
        while trial := coordinator.next():
            view = training.view(data, trial.experiment)
            epochs = tuple(_epochs(view, trial))
            for epoch in epochs:
                coordinator.epoch(trial.id, epoch)
            if coordinator.keep_models:
                _save(coordinator.paths.place(trial.id) / FOLDER, trial, view)
            outcome = _outcome(view, trial, epochs, test)
            if outcome.test:
                _keep(view, trial, coordinator.paths.place(trial.id))
            self.studies.between(trial)
            coordinator.end(trial.id, outcome)


def _scores(data: Dataset, trial: Trial, subset: str, number: int) -> Scores:
    """Of predictions that the trial's settings, run and epoch decide."""
    return metrics.scores(data.labels[data.rows(subset)], _predicted(data, trial, subset, number), data.variables)


def _predicted(data: Dataset, trial: Trial, subset: str, number: int) -> NDArray[np.int64]:
    """Half of the labels, and else the first class."""
    chance = np.random.default_rng([number, trial.run, *trial.fingerprint("").encode()])
    truth = data.labels[data.rows(subset)]
    return np.maximum(np.where(chance.random(truth.shape) < 0.5, truth, 0), 0)


def _keep(data: Dataset, trial: Trial, place: Storage) -> None:
    predicted = _predicted(data, trial, "test", 0)
    sure = [np.eye(v.outputs, dtype=np.float32)[predicted[:, m]] for m, v in enumerate(data.variables)]
    predictions.keep(Predictions.of(data, data.rows("test"), sure), place)


def _epochs(data: Dataset, trial: Trial) -> Iterator[Epoch]:
    for number in (1, 2):
        losses = {"L": 1 / number, "C": 0.5 / number}
        scores = _scores(data, trial, "validation", number)
        yield Epoch(number=number, train_loss=losses, validation_loss=losses, validation=scores, seconds=2.0)


def _outcome(data: Dataset, trial: Trial, epochs: tuple[Epoch, ...], test: bool) -> Outcome:
    """γ = 3 fails where it is searched."""
    if trial.experiment.loss.gamma == 3:
        return Outcome(state="failed", reason="The loss L is nan.", seconds=4.0)
    tested = _scores(data, trial, "test", 0) if test else None
    return Outcome(
        state="finished", best_epoch=2, epochs=epochs, validation=epochs[-1].validation, test=tested, seconds=4.0,
        device="CPU",
    )  # fmt: skip


def _save(place: Storage, trial: Trial, data: Dataset) -> None:
    """A network that nobody has trained."""
    torch.manual_seed(trial.run)
    experiment, outputs = trial.seeded(), [variable.outputs for variable in data.variables]
    whole, rows = network(experiment.net, outputs, experiment.data.image_size), data.rows("validation")
    shares = tuple(np.full((len(rows), K), 1 / K, np.float32) for K in outputs)
    predictions.keep(Predictions.of(data, rows, shares), place, predictions.VALIDATION)
    near = Neighbours(np.zeros((0, whole.silknet.suffix.F), np.float16), np.inf)
    about = Description.of(whole, experiment, data, trial.id, {v.name: 1.0 for v in data.variables}, near.limit)
    folder.save(whole, near, about, {}, place)
