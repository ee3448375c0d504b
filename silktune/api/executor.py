"""Where trials run, as a person asks for it."""

from __future__ import annotations

import os

from silktune.api.arguments import at_least
from silktune.orchestrate import executors
from silktune.orchestrate.executors import Executor
from silktune.orchestrate.executors.resources import Placement


def trial_executor(
    kind: str,
    concurrent: int,
    workers: int,
    gpus: float | None,
    device: str,
    retries: int,
    address: str | None,
) -> Executor:
    """The executor of this kind; `RAY_ADDRESS` names a running Ray where no address is given.

    Raises:
        SettingsError: a number that is too small.
        ResourceError: this kind cannot do what is asked for.
    """
    at_least(1, concurrent=concurrent, workers_per_trial=workers)
    at_least(0, gpus_per_trial=gpus, retries=retries)
    address = address or os.environ.get("RAY_ADDRESS") or None
    return executors.executor(kind, Placement(concurrent, workers, gpus, device, retries, address))
