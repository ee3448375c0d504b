"""The training of a SilkNet (P23 §3.2, §5.1), as every way to run it calls it; its epochs are in `training_loop`.

It knows no Ray and no MLflow: it tells each epoch to `report` and keeps its state in `runtime.folder`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from silktune.core import backbones, batch_sampling
from silktune.core.activations.store import ActivationStore
from silktune.core.collective import ALONE, World
from silktune.core.device import memory, prepare_device
from silktune.core.inputs import Inputs
from silktune.core.silknet import Network, SilkNet
from silktune.core.terms import check_margin
from silktune.core.training_loop import Training, class_counts
from silktune.core.trunk import Trunk
from silktune.data.dataset import Dataset
from silktune.outcome import Outcome, Reporter
from silktune.settings import Experiment, Runtime
from silktune.versions import versions


@dataclass(frozen=True)
class Trained:
    """What a training ends with: the weights of its best epoch."""

    net: SilkNet
    inputs: Inputs
    outcome: Outcome

    @property
    def network(self) -> Network:
        """From images to logits; the frozen part is built if it was not needed for the training."""
        return Network(self.inputs.trunk.prefix, self.net)


def train(
    experiment: Experiment,
    runtime: Runtime,
    data: Dataset,
    report: Reporter,
    world: World = ALONE,
    stores: Sequence[ActivationStore] = (),
) -> Outcome:
    """Train until the validation loss, or what `train.stop_on` names, is saturated; the weights of its best epoch are
    the result.

    With a `runtime.folder` it goes on from the checkpoint there, tells `report` the epochs so far once more, and
    leaves the result in `model.pt`, if it is wanted. The test set is not touched. In a `world` of several workers each
    of them calls this; all report and return the same, and the first one writes.

    Args:
        experiment: the settings, with the seed.
        runtime: where, and on what.
        data: the data set, with all variables.
        report: hears of every epoch.
        world: the workers of this training.
        stores: activations of all of the data set's images, for what of the trunk is frozen; none: it is computed.

    Raises:
        SettingsError: the settings do not fit the data set (balanced sampling) or the weights' file.
        ResourceError: no GPU where one was asked for, no room for the checkpoint.
        TrainingError: a loss that is not a number, or a GPU too small for this training.
    """
    return fit(experiment, runtime, data, report, world, stores).outcome


def fit(
    experiment: Experiment,
    runtime: Runtime,
    data: Dataset,
    report: Reporter,
    world: World = ALONE,
    stores: Sequence[ActivationStore] = (),
) -> Trained:
    """`train`, and the network."""
    device = prepare_device(runtime)
    inputs = Inputs.of(Trunk(experiment, view(data, experiment), device), stores)
    training = Training(experiment, runtime, inputs, device, world)
    with memory(experiment):
        training.run(report)
    return Trained(training.net, inputs, training.outcome().model_copy(update={"versions": versions()}))


def view(data: Dataset, experiment: Experiment) -> Dataset:
    """The data set as the experiment sees it: its variables, and background as a class or unknown."""
    return data.seen(experiment.data)


def check(experiment: Experiment, runtime: Runtime, data: Dataset) -> None:
    """Find out before a study starts what would fail each of its trials: device, trunk, weights, batches, margin.

    Raises:
        SilktuneError: as `train` does.
    """
    prepare_device(runtime)
    seen = view(data, experiment)
    check_margin(experiment.loss, len(seen.variables))
    if experiment.train.sampling == "balanced":
        batch_sampling.check_balanced(experiment.train.batch_size, class_counts(seen))
    backbone = backbones.build(experiment.net.trunk, experiment.net.weights, experiment.data.image_size)
    backbone.check_depth(experiment.net.NB_RN)
