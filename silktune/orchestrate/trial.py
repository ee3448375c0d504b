"""A trial inside Ray, on one worker or on several: train, report every epoch, end with one outcome whatever happens.

Only Ray's own failures (a killed process, a lost node) are left to Ray, which runs the trial again from its
checkpoint. A training that fails by itself would fail again: its reason is its outcome. A machine that fails (a full
disk) would fail every trial: it stops the study, and the trial is left to go on another time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ray import tune

from silktune import __version__
from silktune.core.collective import ALONE, Group, World
from silktune.errors import ResourceError, SettingsError, SilktuneError, unforeseen
from silktune.orchestrate.stopping import Stoppable
from silktune.outcome import Outcome
from silktune.settings import Experiment, Runtime
from silktune.study.outside import BACK

if TYPE_CHECKING:
    from silktune.data.dataset import Dataset

EPOCH, OUTCOME, MACHINE, TRIAL = "silktune_epoch", "silktune_outcome", "silktune_machine", "silktune_trial"


class WorkerLost(Exception):
    """The process of one of several workers died, or its node did."""


def run(config: dict[str, Any]) -> None:
    """Ray Tune's function trainable.

    Args:
        config: the trial's id, its seeded experiment and runtime as JSON, where the data set is, whether the result is
            to be tested, on how many workers it is trained, the driver's version of silktune, and the digests of the
            data set and of the file of weights (None: it reads none).

    Raises:
        WorkerLost: the process of one of several workers died; Ray runs the trial again.
    """
    try:
        outcome = _train(config, ALONE, tune.report) if config["workers"] == 1 else _launch(config)
    except ResourceError as error:
        tune.report({MACHINE: str(error)})
        return
    except SilktuneError as error:
        outcome = Outcome(state="failed", reason=str(error))
    except WorkerLost:
        raise
    except Exception as error:
        outcome = Outcome(state="failed", reason=unforeseen(error))
    tune.report({OUTCOME: outcome.model_dump_json()})


run.__mixins__ = (Stoppable,)  # type: ignore[attr-defined]


def _launch(config: dict[str, Any]) -> Outcome:
    from silktune.orchestrate import workers

    return Outcome.model_validate_json(workers.launch(_worker, config))


def _worker(config: dict[str, Any]) -> str:
    """What each of several workers does; every one reports, and Ray Train hands on what the first one says."""
    import torch
    from ray import train
    from ray.train.torch import get_device

    if torch.cuda.is_available():  # Ray Train shows the workers of a node all their GPUs
        torch.cuda.set_device(get_device())
    outcome = _train(config, Group(), train.report)
    return outcome.model_dump_json()


def _check_same(config: dict[str, Any], experiment: Experiment, data: Dataset) -> None:
    """What a trial reads here has to be what the study was begun with; if it is not, no trial can be trained.

    Raises:
        ResourceError: a file is missing, or has another content.
    """
    if data.digest != config["digest"]:
        raise ResourceError(f"{data.folder} is another data set now: {data.digest}, not {config['digest']}.")
    weights = experiment.net.weights
    try:
        if config["weights"] not in (None, experiment.net.weights_digest):
            raise ResourceError(f"net.weights: {weights} has another content than when the study was begun. {BACK}.")
    except SettingsError as error:
        raise ResourceError(str(error)) from error


def _train(config: dict[str, Any], world: World, report: Callable[[dict[str, Any]], None]) -> Outcome:
    from silktune.core import loop, predict
    from silktune.data.nearby import Whereabouts

    if config["silktune"] != __version__:
        raise ResourceError(f"A node has silktune {__version__}, the driver {config['silktune']}. Install the same.")
    experiment = Experiment.model_validate_json(config["experiment"])
    runtime = Runtime.model_validate_json(config["runtime"])
    data = Whereabouts(*config["data"]).open()
    _check_same(config, experiment, data)
    net, outcome = loop.fit(experiment, runtime, data, lambda epoch: report({EPOCH: epoch.model_dump_json()}), world)
    if config["test"]:
        scores = predict.evaluate(net, loop.view(data, experiment), "test", next(net.parameters()).device)
        outcome = outcome.model_copy(update={"test": scores})
    return outcome
