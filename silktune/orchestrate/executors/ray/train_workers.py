"""A trial on several workers: a Tune trial that launches Ray Train's TorchTrainer and hands on what it reports.

The placement group of a Train run is not Tune's. When Tune stops a trial or its process is killed, nobody frees that
group, and the next trial waits for its room for ever (measured with ray 2.60 without a dashboard). Three things keep
that from happening: a trial that is stopped aborts its run first (`abort_workers`); Train itself retries nothing,
Tune runs the trial again, which goes on from its checkpoint; and the driver frees what is left over
(`free_leftovers`), which it knows by a mark: some bytes of memory that each worker asks for.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import ray
from ray import train
from ray._raylet import RAY_NODE_ID_KEY, PlacementGroupID  # type: ignore[attr-defined]
from ray.train.torch import TorchConfig, TorchTrainer
from ray.train.torch.config import _set_torch_distributed_env_vars, _setup_torch_process_group, _TorchBackend
from ray.train.v2._internal.constants import get_env_vars_to_propagate
from ray.train.v2._internal.exceptions import RayTrainError, UserExceptionWithTraceback
from ray.train.v2._internal.execution.controller import TrainController
from ray.tune.integration.ray_train import TuneReportCallback
from ray.util import placement_group_table, remove_placement_group
from ray.util.placement_group import PlacementGroup

from silktune.errors import SilktuneError
from silktune.orchestrate.executors.ray import abort_workers, environment
from silktune.orchestrate.executors.ray.result_keys import WorkerLost

MARK = "memory"  # bytes, of which every node has more than enough
MARKS = range(1, 1_000_000)


class _Trainer(TorchTrainer):
    """A TorchTrainer whose run the trial that launched it can abort."""

    def _initialize_and_run_controller(self, **settings: Any) -> Any:
        """As the base class does it; the controller is kept where a trial that is stopped finds it."""
        node, variables = ray.get_runtime_context().get_node_id(), get_env_vars_to_propagate()
        remote = ray.remote(num_cpus=0, label_selector={RAY_NODE_ID_KEY: node}, runtime_env={"env_vars": variables})
        controller = remote(TrainController).remote(**settings)
        with abort_workers.aborts(controller):
            ray.get(controller.run.remote())
            return ray.get(controller.get_result.remote())


def launch(work: Callable[[dict[str, Any]], str], config: dict[str, Any]) -> str:
    """Call `work(config)` on every worker, inside a process group; what the first one returns.

    Args:
        work: what every worker does; it reports through `ray.train.report`, all workers as often.
        config: the trial's: `workers`, `per_worker` (resources), `mark`, `scratch` (a folder for Ray Train).

    Raises:
        Exception: what a worker raised.
        WorkerLost: a worker's process died.
    """
    resources = config["per_worker"]
    trainer = _Trainer(
        work,
        train_loop_config=config,
        torch_config=_torch_config("nccl" if "GPU" in resources else "gloo"),
        scaling_config=train.ScalingConfig(
            num_workers=config["workers"], use_gpu="GPU" in resources,
            resources_per_worker=resources | {MARK: config["mark"]},
        ),
        run_config=train.RunConfig(
            name=uuid.uuid4().hex, storage_path=str(Path(config["scratch"]).absolute()),
            callbacks=[TuneReportCallback()], failure_config=train.FailureConfig(max_failures=0),
        ),
    )  # fmt: skip
    try:
        with environment.variables(environment.IN_WORKERS):
            return str(trainer.fit().return_value)
    except train.WorkerGroupError as error:
        raise _cause(error) from error


def _torch_config(backend: str) -> TorchConfig:
    """How workers find each other.

    torch's store has no token and listens on every network, so on a Ray that is alone on loopback it is a file.
    """
    return _FileTorchConfig(backend=backend) if environment.is_alone() else TorchConfig(backend=backend)


class _FileTorchConfig(TorchConfig):
    @property
    def backend_cls(self) -> type:
        return _FileBackend


class _FileBackend(_TorchBackend):
    """A process group of workers on one machine that meet in a file of the Ray's own folder."""

    def on_start(self, worker_group: Any, backend_config: TorchConfig) -> None:
        folder = ray._private.worker.global_worker.node.get_session_dir_path()
        meeting_point = f"file://{folder}/{uuid.uuid4().hex}"
        worker_group.execute(_set_torch_distributed_env_vars)
        ranks = range(len(worker_group))
        group = {"backend": backend_config.backend, "world_size": len(worker_group), "init_method": meeting_point}
        ray.get(
            [
                worker_group.execute_single_async(
                    rank, _setup_torch_process_group, world_rank=rank, timeout_s=backend_config.timeout_s, **group
                )
                for rank in ranks
            ]
        )


def _cause(error: Any) -> Exception:
    """What began it: one worker's own mistake, or else that processes died, of which the others only complain."""
    raised = [_unwrapped(failure) for _, failure in sorted(error.worker_failures.items())]
    mistakes = [failure for failure in raised if not isinstance(failure, RayTrainError | ConnectionError)]
    foreseen = [failure for failure in mistakes if isinstance(failure, SilktuneError)]
    return [*foreseen, *mistakes, WorkerLost(str(error))][0]


def _unwrapped(failure: Exception) -> Exception:
    return failure._base_exc if isinstance(failure, UserExceptionWithTraceback) else failure


def free_leftovers(running: Collection[int]) -> None:
    """Free the room of Train runs of this driver whose trials are not running.

    Args:
        running: the marks of those that are.
    """
    job = ray.get_runtime_context().get_job_id()
    for group, description in placement_group_table().items():
        marks = {int(bundle.get(MARK, 0)) for bundle in description["bundles"].values()}
        ours = group.endswith(job) and bool(marks) and all(mark in MARKS for mark in marks)
        if ours and description["state"] != "REMOVED" and not marks & set(running):
            remove_placement_group(PlacementGroup(PlacementGroupID(bytes.fromhex(group))))
