"""The training of a SilkNet (P23 §3.2, §5.1), as every way to run it calls it; its epochs are in `training_loop`.

It knows no Ray and no MLflow: it tells each epoch to `report` and keeps its state in `runtime.folder`.
"""

from __future__ import annotations

from silktune.core import backbones, batch_sampling
from silktune.core.collective import ALONE, World
from silktune.core.device import memory, prepare_device
from silktune.core.silknet import Network
from silktune.core.training_loop import Training, class_counts
from silktune.data.dataset import Dataset
from silktune.outcome import Outcome, Reporter
from silktune.settings import Experiment, Runtime
from silktune.versions import versions


def train(experiment: Experiment, runtime: Runtime, data: Dataset, report: Reporter, world: World = ALONE) -> Outcome:
    """Train until the validation loss is saturated; the weights of its best epoch are the result.

    With a `runtime.folder` it goes on from the checkpoint there, tells `report` the epochs so far once more, and
    leaves the result in `model.pt`. The test set is not touched. In a `world` of several workers each of them calls
    this; all report and return the same, and the first one writes.

    Raises:
        SettingsError: the settings do not fit the data set (balanced sampling) or the weights' file.
        ResourceError: no GPU where one was asked for, no room for the checkpoint.
        TrainingError: a loss that is not a number, or a GPU too small for this training.
    """
    _, outcome = fit(experiment, runtime, data, report, world)
    return outcome


def fit(
    experiment: Experiment, runtime: Runtime, data: Dataset, report: Reporter, world: World = ALONE
) -> tuple[Network, Outcome]:
    """`train`, and the network with the weights of its best epoch."""
    device = prepare_device(runtime)
    training = Training(experiment, runtime, view(data, experiment), device, world)
    with memory(experiment):
        training.run(report)
    return training.network, training.outcome().model_copy(update={"versions": versions()})


def view(data: Dataset, experiment: Experiment) -> Dataset:
    """The data set with the variables that the experiment is about."""
    return data.select(experiment.data.variables) if experiment.data.variables else data


def check(experiment: Experiment, runtime: Runtime, data: Dataset) -> None:
    """Find out before a study starts what would fail each of its trials: device, weights, balanced batches.

    Raises:
        SilktuneError: as `train` does.
    """
    prepare_device(runtime)
    seen = view(data, experiment)
    if experiment.train.sampling == "balanced":
        batch_sampling.check_balanced(experiment.train.batch_size, class_counts(seen))
    backbones.build(experiment.net.trunk, experiment.net.weights)
