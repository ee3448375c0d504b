"""A trial inside Ray, on one worker or on several: train, report every epoch, end with one outcome whatever happens.

Only Ray's own failures (a killed process, a lost node) are left to Ray, which runs the trial again from its
checkpoint. A training that fails by itself would fail again: its reason is its outcome. A machine that fails (a full
disk) would fail every trial: it stops the study, and the trial is left to go on another time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ray import tune

from silktune.core.collective import ALONE, Group, World
from silktune.errors import ResourceError
from silktune.orchestrate.executors.job import Job, outcome_of, train
from silktune.orchestrate.executors.ray.abort_workers import Stoppable
from silktune.orchestrate.executors.ray.result_keys import EPOCH, MACHINE, OUTCOME, WorkerLost
from silktune.outcome import Outcome


def run(config: dict[str, Any]) -> None:
    """Ray Tune's function trainable.

    Args:
        config: the trial's id, its job as JSON, and on how many workers it is trained, with what each.

    Raises:
        WorkerLost: the process of one of several workers died; Ray runs the trial again.
    """
    try:
        outcome = outcome_of(
            lambda: _train(config, ALONE, tune.report) if config["workers"] == 1 else _launch(config), WorkerLost
        )
    except ResourceError as error:
        tune.report({MACHINE: str(error)})
        return
    tune.report({OUTCOME: outcome.model_dump_json()})


run.__mixins__ = (Stoppable,)  # type: ignore[attr-defined]


def _launch(config: dict[str, Any]) -> Outcome:
    from silktune.orchestrate.executors.ray import train_workers

    return Outcome.model_validate_json(train_workers.launch(_worker, config))


def _worker(config: dict[str, Any]) -> str:
    """What each of several workers does; every one reports, and Ray Train hands on what the first one says."""
    import ray.train
    import torch
    from ray.train.torch import get_device

    if torch.cuda.is_available():  # Ray Train shows the workers of a node all their GPUs
        torch.cuda.set_device(get_device())
    outcome = _train(config, Group(), ray.train.report)
    return outcome.model_dump_json()


def _train(config: dict[str, Any], world: World, report: Callable[[dict[str, Any]], None]) -> Outcome:
    job = Job.model_validate_json(config["job"])
    return train(job, lambda epoch: report({EPOCH: epoch.model_dump_json()}), world)
