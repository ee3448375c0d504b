"""What a training leaves in its folder beside its checkpoint: what it said of the test set, and a model."""

from __future__ import annotations

from silktune.core import predict
from silktune.core.training import Trained
from silktune.model import calibration, known_images
from silktune.model import card as model_card
from silktune.model import folder as model_folder
from silktune.model.folder import Description
from silktune.model.novelty import MOST, Neighbours
from silktune.outcome import Outcome
from silktune.seeds import stream
from silktune.settings import Runtime
from silktune.storage import Storage
from silktune.study import predictions
from silktune.study.predictions import Predictions


def finish(trained: Trained, runtime: Runtime, run: str, *, test: bool, first: bool = True) -> Outcome:
    """The outcome of a training, tested if it is to be; what it leaves is then in the runtime's folder, if it has one.

    Args:
        trained: what the training ended with.
        runtime: of the training.
        run: its name.
        test: whether it is tested on the test set.
        first: whether this worker writes.

    Raises:
        ResourceError: there is no room, or the folder cannot be reached.
    """
    data, place = trained.inputs.trunk.data, None
    if runtime.folder is not None and first:
        place = Storage.of(runtime.folder)
    outcome, tested = trained.outcome, None
    if test:
        scores, probabilities = predict.evaluate_images(trained.net, trained.inputs, "test")
        outcome = outcome.model_copy(update={"test": scores})
        if place:
            tested = Predictions.of(data, data.rows("test"), probabilities)
            predictions.keep(tested, place)
    if place and runtime.keep_model:
        _keep_model(trained, outcome, run, tested, place / model_folder.FOLDER)
    return outcome


def _keep_model(trained: Trained, outcome: Outcome, run: str, tested: Predictions | None, place: Storage) -> None:
    """The model, what it said of the validation set, from which it is calibrated, and its card."""
    net, inputs = trained.net, trained.inputs
    data, experiment = inputs.trunk.data, inputs.trunk.experiment
    rows, train = data.rows("validation"), data.rows("train")
    sample = stream(experiment.train.seed, "neighbours").permutation(train)[:MOST]
    probabilities, f_RN = predict.probabilities_and_features(net, inputs, rows)
    validation = Predictions.of(data, rows, probabilities)
    neighbours = Neighbours.of(predict.probabilities_and_features(net, inputs, sample)[1], f_RN)
    temperatures = calibration.temperatures(validation)
    about = Description.of(trained.network, experiment, data, run, temperatures, neighbours.limit)
    predictions.keep(validation, place, predictions.VALIDATION)
    text = model_card.card(about, outcome, validation, tested)
    texts = {model_card.FILE: text, known_images.FILE: known_images.table(data)}
    model_folder.save(trained.network, neighbours, about, texts, place)
