"""A trial inside a Ray worker: train, report every epoch, end with one outcome whatever happens.

Only Ray's own failures (a killed process, a lost node) are left to Ray, which runs the trial again from its
checkpoint. A training that fails by itself would fail again: its reason is its outcome. A machine that fails (a full
disk) would fail every trial: it stops the study, and the trial is left to go on another time.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

from ray import tune

from silktune.errors import ResourceError, SilktuneError
from silktune.outcome import Epoch, Outcome
from silktune.settings import Experiment, Runtime

EPOCH, OUTCOME, MACHINE, TRIAL = "silktune_epoch", "silktune_outcome", "silktune_machine", "silktune_trial"


def run(config: dict[str, Any]) -> None:
    """Ray Tune's function trainable.

    Args:
        config: the trial's id, its seeded experiment and runtime as JSON, the data set's folder, and whether the
            result is to be tested.
    """
    try:
        outcome = _train(config)
    except ResourceError as error:
        tune.report({MACHINE: str(error)})
        return
    except SilktuneError as error:
        outcome = Outcome(state="failed", reason=str(error))
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}, line {place.lineno}"
        outcome = Outcome(state="failed", reason=f"{type(error).__name__}: {error} ({where})")
    tune.report({OUTCOME: outcome.model_dump_json()})


def _train(config: dict[str, Any]) -> Outcome:
    from silktune.core import loop, predict
    from silktune.data.dataset import Dataset

    experiment = Experiment.model_validate_json(config["experiment"])
    runtime = Runtime.model_validate_json(config["runtime"])
    data = Dataset.open(Path(config["data"]))
    net, outcome = loop.fit(experiment, runtime, data, _report)
    if config["test"]:
        scores = predict.evaluate(net, loop.view(data, experiment), "test", next(net.parameters()).device)
        outcome = outcome.model_copy(update={"test": scores})
    return outcome


def _report(epoch: Epoch) -> None:
    tune.report({EPOCH: epoch.model_dump_json()})
