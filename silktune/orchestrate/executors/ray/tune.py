"""Trials on Ray Tune: a source says which, Ray says where and when, the coordinator writes down what comes of them.

Search state is not Ray's (facts: Tuner.restore cannot extend a search and loses finished trials): every start makes
a new Tuner, and the source knows what there is still to do. Nor are retries: Ray Tune 2.60 gives a trial up at once
when the process dies that it was about to take over from another trial.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import ray
from ray import tune
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from silktune.data.dataset import Dataset
from silktune.data.local_copy import Whereabouts
from silktune.errors import ResourceError
from silktune.orchestrate.coordinator import Coordinator
from silktune.orchestrate.executors.job import job
from silktune.orchestrate.executors.ray import node_check
from silktune.orchestrate.executors.ray import trainable as inside
from silktune.orchestrate.executors.ray.connection import missing, resources, signals_kept
from silktune.orchestrate.executors.resources import Placement, Resources
from silktune.outcome import Epoch, Outcome

logging.getLogger("ray.tune.tune").setLevel(logging.CRITICAL)  # the coordinator says which trials did not complete
LAUNCHER = {"node:__internal_head__": 0.001}  # what a trial with workers needs itself: to run beside the driver
SWEEP = 2.0  # seconds between two looks for what trials have left over
Result = TypeVar("Result")


def run_trials(
    coordinator: Coordinator, data: Dataset, placement: Placement, *, test: bool, seconds: float | None = None
) -> None:
    """Run what the coordinator's source asks for until it asks for no more, or the time is over.

    Args:
        coordinator: where everything is written down.
        data: the prepared data set.
        placement: where trials run, and with what.
        test: whether the trials are tested on the test set when they are done.
        seconds: after which running trials are stopped; they go on from their checkpoints another time.

    Raises:
        ResourceError: what is asked for can never be placed, or a node cannot do its part.
    """
    each, where = resources(placement), Whereabouts.of(data, coordinator.paths.storage)
    if sentence := missing(each):
        coordinator.watcher.note(sentence)
    if placement.address:
        node_check.check(coordinator.paths.reached, "" if where.copy else where.folder)
    asking = TuneSearcher(
        coordinator,
        placement.retries,
        lambda name: _config(coordinator, name, where, placement.device, each, test=test),
    )
    coordinator.paths.ray.mkdir(parents=True, exist_ok=True)
    tuner = tune.Tuner(
        tune.with_resources(inside.run, each.per_worker if each.workers == 1 else LAUNCHER),
        tune_config=tune.TuneConfig(
            search_alg=asking, scheduler=_Listening(asking), num_samples=-1, reuse_actors=each.workers == 1,
            max_concurrent_trials=each.concurrent, time_budget_s=seconds,
            trial_dirname_creator=lambda trial: trial.config[inside.TRIAL],
        ),
        run_config=tune.RunConfig(
            name="tune", storage_path=str(coordinator.paths.ray.absolute()), verbose=0, log_to_file=False,
            callbacks=[_Sweeping(asking)] if each.workers > 1 else [],
        ),
    )  # fmt: skip
    try:
        with signals_kept():
            tuner.fit()
    except Exception:
        if asking.error:  # of which Ray Tune makes one of its own
            raise asking.error from None
        raise
    finally:
        shutil.rmtree(coordinator.paths.ray, ignore_errors=True)


def _config(
    coordinator: Coordinator, name: str, data: Whereabouts, device: str, each: Resources, *, test: bool
) -> dict[str, Any]:
    """What a trial is told."""
    return {
        inside.TRIAL: name,
        "job": job(coordinator, name, data, device, each.threads, test=test).model_dump_json(),
        "workers": each.workers,
        "per_worker": each.per_worker,
        "scratch": str(coordinator.paths.ray.absolute()),
    }


def run_there(each: Resources, work: Callable[..., Result], *args: Any) -> Result:
    """Call a function where a trial would run, with what a trial gets.

    Raises:
        SilktuneError: what the function raises.
    """
    task = ray.remote(num_cpus=each.cpus, num_gpus=each.gpus, max_retries=0)(work)
    try:
        return cast("Result", ray.get(task.remote(*args)))
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError) as error:
        raise ResourceError("The process that should measure died (out of memory, or killed). Try it again.") from error


class _Unpickled:
    """Ray Tune pickles what it is given, to restore a run from; ours is never restored, and has open files."""

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return object, ()


class TuneSearcher(_Unpickled, Searcher):
    """Ray Tune asks here for the next trial."""

    def __init__(self, coordinator: Coordinator, retries: int, config: Callable[[str], dict[str, Any]]) -> None:
        super().__init__()
        self.coordinator, self.retries, self.config = coordinator, retries, config
        self.names: dict[str, str] = {}
        self.marks: dict[str, int] = {}  # of the trials that run: by these their workers are known
        self.marked = 0
        self.deaths = Counter[str]()
        self.again: deque[str] = deque()  # trials whose process died
        self.asked_all = False
        self.error: Exception | None = None  # what ended the coordinator's work

    @contextmanager
    def kept(self) -> Iterator[None]:
        """An error inside is remembered as it is."""
        try:
            yield
        except Exception as error:
            self.error = self.error or error
            raise

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        with self.kept():
            name = self._next()
        if name is None:
            return None if self.marks else str(Searcher.FINISHED)  # what runs still may have to be run again
        self.names[trial_id] = name
        self.marked += 1
        self.marks[trial_id] = self.marked
        return self.config(name) | {"mark": self.marked}

    def _next(self) -> str | None:
        if self.again:
            return self.again.popleft()
        trial = None if self.asked_all else self.coordinator.next()
        self.asked_all = trial is None
        return trial.id if trial else None

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """A trial that ends in error here has lost its process, and is run again as often as it may."""
        name = self.names[trial_id]
        del self.marks[trial_id]
        if not error or name not in self.coordinator.running:
            return
        self.deaths[name] += 1
        with self.kept():
            self._died(name)

    def _died(self, name: str) -> None:
        if self.deaths[name] <= self.retries:
            self.coordinator.died(name)
            self.again.append(name)
        else:
            reason = f"its process died {self.deaths[name]} times (out of memory, or killed)"
            self.coordinator.end(name, Outcome(state="failed", reason=reason))

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the study's folder is the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: see save."""


class _Listening(_Unpickled, FIFOScheduler):
    """Ray Tune brings every report here, and is told whether the trial goes on."""

    def __init__(self, asking: TuneSearcher) -> None:
        super().__init__()
        self.asking, self.coordinator = asking, asking.coordinator

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        with self.asking.kept():
            return self._hear(trial.config[inside.TRIAL], result)

    def _hear(self, name: str, result: dict[str, Any]) -> str:
        if name not in self.coordinator.running:
            return str(TrialScheduler.STOP)
        if inside.MACHINE in result:
            raise ResourceError(f"{name}: {result[inside.MACHINE]} What is done is kept; the same command goes on.")
        if inside.EPOCH in result and self.coordinator.epoch(name, Epoch.model_validate_json(result[inside.EPOCH])):
            return str(TrialScheduler.STOP)
        if inside.OUTCOME in result:
            self.coordinator.end(name, Outcome.model_validate_json(result[inside.OUTCOME]))
            return str(TrialScheduler.STOP)  # over for Ray too: if its process dies now, it is not run again
        return str(TrialScheduler.CONTINUE)


class _Sweeping(_Unpickled, tune.Callback):
    """Frees what the workers of trials that are over, or whose launcher died, have left reserved."""

    def __init__(self, asking: TuneSearcher) -> None:
        from silktune.orchestrate.executors.ray.train_workers import free

        self.asking, self.free = asking, free
        self.last = time.monotonic()
        free([])

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._sweep()

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        if time.monotonic() - self.last >= SWEEP:
            self._sweep()

    def _sweep(self) -> None:
        self.free(self.asking.marks.values())
        self.last = time.monotonic()
