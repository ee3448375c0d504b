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
from silktune.data.shared_dataset import Whereabouts
from silktune.errors import ResourceError
from silktune.orchestrate.coordinator import Coordinator
from silktune.orchestrate.executors.job import job
from silktune.orchestrate.executors.ray import node_check, trainable
from silktune.orchestrate.executors.ray.connection import resources, shortage, signals_kept
from silktune.orchestrate.executors.ray.result_keys import EPOCH, MACHINE, OUTCOME, TRIAL
from silktune.orchestrate.executors.resources import Placement, Resources
from silktune.outcome import Epoch, Outcome

LAUNCHER = {"node:__internal_head__": 0.001}  # what a trial with workers needs itself: to run beside the driver
CLEANUP_INTERVAL = 2.0  # seconds between two searches for what trials have left over
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
    each, whereabouts = resources(placement), Whereabouts.of(data, coordinator.paths.storage)
    if sentence := shortage(each):
        coordinator.watcher.note(sentence)
    if placement.address:
        node_check.check(coordinator.paths.reached, "" if whereabouts.copy else whereabouts.folder)
    searcher = TuneSearcher(
        coordinator,
        placement.retries,
        lambda name: _trial_config(coordinator, name, whereabouts, placement.device, each, test=test),
    )
    coordinator.paths.ray.mkdir(parents=True, exist_ok=True)
    logging.getLogger("ray.tune.tune").setLevel(logging.CRITICAL)  # the coordinator says which trials did not complete
    tuner = tune.Tuner(
        tune.with_resources(trainable.run, each.per_worker if each.workers == 1 else LAUNCHER),
        tune_config=tune.TuneConfig(
            search_alg=searcher, scheduler=EpochScheduler(searcher), num_samples=-1, reuse_actors=each.workers == 1,
            max_concurrent_trials=each.concurrent, time_budget_s=seconds,
            trial_dirname_creator=lambda trial: trial.config[TRIAL],
        ),
        run_config=tune.RunConfig(
            name="tune", storage_path=str(coordinator.paths.ray.absolute()), verbose=0, log_to_file=False,
            callbacks=[LeftoverCallback(searcher)] if each.workers > 1 else [],
        ),
    )  # fmt: skip
    try:
        with signals_kept():
            tuner.fit()
    except Exception:
        if searcher.error:  # of which Ray Tune makes one of its own
            raise searcher.error from None
        raise
    finally:
        shutil.rmtree(coordinator.paths.ray, ignore_errors=True)


def _trial_config(
    coordinator: Coordinator, name: str, data: Whereabouts, device: str, each: Resources, *, test: bool
) -> dict[str, Any]:
    """What a trial is told."""
    return {
        TRIAL: name,
        "job": job(coordinator, name, data, device, each.threads, test=test).model_dump_json(),
        "workers": each.workers,
        "per_worker": each.per_worker,
        "scratch": str(coordinator.paths.ray.absolute()),
    }


def call_remotely(each: Resources, work: Callable[..., Result], *args: Any) -> Result:
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
        self.to_retry: deque[str] = deque()  # trials whose process died
        self.no_more_trials = False
        self.error: Exception | None = None  # what ended the coordinator's work

    @contextmanager
    def remembering_errors(self) -> Iterator[None]:
        """An error inside is remembered as it is."""
        try:
            yield
        except Exception as error:
            self.error = self.error or error
            raise

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        with self.remembering_errors():
            name = self._next()
        if name is None:
            return None if self.marks else str(Searcher.FINISHED)  # what runs still may have to be run again
        self.names[trial_id] = name
        self.marked += 1
        self.marks[trial_id] = self.marked
        return self.config(name) | {"mark": self.marked}

    def _next(self) -> str | None:
        if self.to_retry:
            return self.to_retry.popleft()
        trial = None if self.no_more_trials else self.coordinator.next()
        self.no_more_trials = trial is None
        return trial.id if trial else None

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """A trial that ends in error here has lost its process, and is run again as often as it may."""
        name = self.names[trial_id]
        del self.marks[trial_id]
        if not error or name not in self.coordinator.running:
            return
        self.deaths[name] += 1
        with self.remembering_errors():
            self._retry_or_fail(name)

    def _retry_or_fail(self, name: str) -> None:
        if self.deaths[name] <= self.retries:
            self.coordinator.died(name)
            self.to_retry.append(name)
        else:
            reason = f"its process died {self.deaths[name]} times (out of memory, or killed)"
            self.coordinator.end(name, Outcome(state="failed", reason=reason))

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the study's folder is the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: see save."""


class EpochScheduler(_Unpickled, FIFOScheduler):
    """Ray Tune brings every report here, and is told whether the trial goes on."""

    def __init__(self, searcher: TuneSearcher) -> None:
        super().__init__()
        self.searcher, self.coordinator = searcher, searcher.coordinator

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        with self.searcher.remembering_errors():
            return self._decide(trial.config[TRIAL], result)

    def _decide(self, name: str, result: dict[str, Any]) -> str:
        if name not in self.coordinator.running:
            return str(TrialScheduler.STOP)
        if MACHINE in result:
            raise ResourceError(f"{name}: {result[MACHINE]} What is done is kept; the same command goes on.")
        if EPOCH in result and self.coordinator.epoch(name, Epoch.model_validate_json(result[EPOCH])):
            return str(TrialScheduler.STOP)
        if OUTCOME in result:
            self.coordinator.end(name, Outcome.model_validate_json(result[OUTCOME]))
            return str(TrialScheduler.STOP)  # over for Ray too: if its process dies now, it is not run again
        return str(TrialScheduler.CONTINUE)


class LeftoverCallback(_Unpickled, tune.Callback):
    """Frees what the workers of trials that are over, or whose launcher died, have left reserved."""

    def __init__(self, searcher: TuneSearcher) -> None:
        from silktune.orchestrate.executors.ray.train_workers import free_leftovers

        self.searcher, self.free_leftovers = searcher, free_leftovers
        self.last = time.monotonic()
        free_leftovers([])

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._free_leftovers()

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        if time.monotonic() - self.last >= CLEANUP_INTERVAL:
            self._free_leftovers()

    def _free_leftovers(self) -> None:
        self.free_leftovers(self.searcher.marks.values())
        self.last = time.monotonic()
