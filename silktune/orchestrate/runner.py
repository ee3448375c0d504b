"""Trials on Ray Tune: a source says which, Ray says where and when, the desk writes down what comes of them.

Search state is not Ray's (facts: Tuner.restore cannot extend a search and loses finished trials): every start makes
a new Tuner, and the source knows what there is still to do.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from silktune.errors import ResourceError, SilktuneError
from silktune.orchestrate.desk import Desk
from silktune.outcome import Epoch, Outcome
from silktune.settings import Runtime

# Set before Ray is imported: Ray keeps quiet and does not phone home, and a driver that dies loses a second at most.
os.environ.update(
    RAY_USAGE_STATS_ENABLED="0",
    RAY_AUTH_MODE=os.environ.get("RAY_AUTH_MODE", "disabled"),  # a local Ray listens on loopback only
    RAY_AIR_NEW_OUTPUT="0",
    RAY_CHDIR_TO_TRIAL_DIR="0",  # a relative path means the same in a worker
    RAY_TRAIN_HEALTH_CHECK_INTERVAL_S="0.1",
    TUNE_GLOBAL_CHECKPOINT_S="60",
    TUNE_DISABLE_AUTO_CALLBACK_LOGGERS="1",
    TUNE_DISABLE_STRICT_METRIC_CHECKING="1",
    TUNE_RESULT_BUFFER_LENGTH="1",
)

import ray
from ray import tune
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from silktune.orchestrate import trial as inside

OBJECT_STORE = 128 * 2**20  # bytes; data sets are memory-mapped files, only reports go through Ray
Result = TypeVar("Result")
TRIES = 3  # how often a trial whose process died is run again


@dataclass(frozen=True)
class Resources:
    """What each trial gets."""

    concurrent: int
    cpus: float
    gpus: float

    @property
    def threads(self) -> int:
        return max(1, int(self.cpus))

    @classmethod
    def share(cls, concurrent: int, device: str) -> Resources:
        """This machine, or the cluster that is connected, divided evenly.

        Raises:
            ResourceError: a GPU was asked for and there is none.
        """
        here = ray.cluster_resources()
        there = 0.0 if device == "cpu" else here.get("GPU", 0.0)
        if device == "cuda" and not there:
            raise ResourceError("--device cuda: Ray finds no GPU here. Use --device cpu, or look at nvidia-smi.")
        on_one = math.ceil(concurrent / there) if there else 1  # trials on one GPU
        gpus = math.floor(100 / on_one) / 100 if there else 0.0
        cpus = here.get("CPU", 1.0) / concurrent
        return cls(concurrent, math.floor(cpus) if cpus >= 1 else math.floor(cpus * 100) / 100, gpus)


@contextmanager
def local_ray() -> Iterator[None]:
    """A Ray on this machine for as long as it is needed; one that is connected already is used and left."""
    if ray.is_initialized():
        yield
        return
    try:
        ray.init(
            address="local", include_dashboard=False, log_to_driver=False, logging_level="error",
            object_store_memory=OBJECT_STORE, _system_config={"metrics_report_interval_ms": 60_000},
        )  # fmt: skip
    except (RuntimeError, ConnectionError, ValueError, OSError) as error:
        raise ResourceError(
            f"Ray could not be started on this machine: {' '.join(str(error).split())[:300]}"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def run_trials(
    desk: Desk, data: str, resources: Resources, device: str, *, test: bool, seconds: float | None = None
) -> None:
    """Run what the desk's source asks for until it asks for no more, or the time is over.

    Args:
        desk: where everything is written down.
        data: the folder of the prepared data set.
        resources: what each trial gets.
        device: auto, cpu or cuda.
        test: whether the trials are tested on the test set when they are done.
        seconds: after which running trials are stopped; they go on from their checkpoints another time.
    """

    def config(name: str) -> dict[str, Any]:
        runtime = Runtime(device=device, threads=resources.threads, folder=desk.paths.trial(name).absolute())
        experiment = desk.running[name].seeded().model_dump_json()
        return {
            inside.TRIAL: name,
            "experiment": experiment,
            "runtime": runtime.model_dump_json(),
            "data": data,
            "test": test,
        }

    desk.paths.ray.mkdir(parents=True, exist_ok=True)
    per_trial = {"CPU": resources.cpus, "GPU": resources.gpus} if resources.gpus else {"CPU": resources.cpus}
    tuner = tune.Tuner(
        tune.with_resources(inside.run, per_trial),
        tune_config=tune.TuneConfig(
            search_alg=_Asking(desk, config), scheduler=_Listening(desk), num_samples=-1, reuse_actors=True,
            max_concurrent_trials=resources.concurrent, time_budget_s=seconds,
            trial_dirname_creator=lambda trial: trial.config[inside.TRIAL],
        ),
        run_config=tune.RunConfig(
            name="tune", storage_path=str(desk.paths.ray.absolute()), verbose=0, log_to_file=False,
            failure_config=tune.FailureConfig(max_failures=TRIES),
        ),
    )  # fmt: skip
    try:
        tuner.fit()
    except tune.TuneError:
        if desk.error:
            raise desk.error from None
        raise
    finally:
        shutil.rmtree(desk.paths.ray, ignore_errors=True)


def run_there(resources: Resources, work: Callable[..., Result], *args: Any) -> Result:
    """Call a function where a trial would run, with what a trial gets.

    Raises:
        SilktuneError: what the function raises.
    """
    task = ray.remote(num_cpus=resources.cpus, num_gpus=resources.gpus, max_retries=0)(work)
    try:
        return cast("Result", ray.get(task.remote(*args)))
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None


class _Unpickled:
    """Ray Tune pickles what it is given, to restore a run from; ours is never restored, and has open files."""

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return object, ()


class _Asking(_Unpickled, Searcher):
    """Ray Tune asks here for the next trial."""

    def __init__(self, desk: Desk, config: Any) -> None:
        super().__init__()
        self.desk, self.config = desk, config
        self.names: dict[str, str] = {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        trial = self.desk.next()
        if trial is None:
            return str(Searcher.FINISHED)
        self.names[trial_id] = trial.id
        return dict(self.config(trial.id))

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """A trial that ends in error here died as often as it may."""
        name = self.names[trial_id]
        if error and name in self.desk.running:
            reason = f"its process died {TRIES + 1} times (out of memory, or killed)"
            self.desk.end(name, Outcome(state="failed", reason=reason))

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the study's folder is the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: see save."""


class _Listening(_Unpickled, FIFOScheduler):
    """Ray Tune brings every report here, and is told whether the trial goes on."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        try:
            return self._hear(trial.config[inside.TRIAL], result)
        except (SilktuneError, OSError) as error:
            self.desk.error = error
            raise

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        self.desk.died(trial.config[inside.TRIAL])

    def _hear(self, name: str, result: dict[str, Any]) -> str:
        if name not in self.desk.running:
            return str(TrialScheduler.CONTINUE)
        if inside.MACHINE in result:
            raise ResourceError(f"{name}: {result[inside.MACHINE]} What is done is kept; the same command goes on.")
        if inside.EPOCH in result and self.desk.epoch(name, Epoch.model_validate_json(result[inside.EPOCH])):
            return str(TrialScheduler.STOP)
        if inside.OUTCOME in result:
            self.desk.end(name, Outcome.model_validate_json(result[inside.OUTCOME]))
        return str(TrialScheduler.CONTINUE)
