"""The Ray that trials run on: connected and let go, and what it has.

Ray says much that nobody can use, and leaves traces in the process; here it is kept quiet.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import ray

from silktune.errors import ResourceError
from silktune.orchestrate.executors.ray import autoscaler_nodes, environment, interruptible_start, own_ray
from silktune.orchestrate.executors.ray.address import check_token, locate, named
from silktune.orchestrate.executors.ray.watchdog import disconnect, watching
from silktune.orchestrate.executors.resources import Placement, Resources, room, share


@contextmanager
def signals_kept() -> Iterator[None]:
    """Ctrl-C and SIGTERM do afterwards what they did before: Ray and Tune leave answers of their own behind."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, answer in before.items():
            signal.signal(number, answer)


@contextmanager
def connected(placement: Placement) -> Iterator[None]:
    """The Ray that is asked for, for as long as it is needed; one that is connected already is used and left.

    Raises:
        ResourceError: there is none, or it cannot be started.
    """
    with environment.of_driver():
        if ray.is_initialized():
            yield
            return
        address = None if placement.address == "local" else placement.address
        with _running_ray(address) if address else _private_ray(), _silenced():
            yield


@contextmanager
def _running_ray(address: str) -> Iterator[None]:
    """The Ray at an address, with the token that the user has for it."""
    who, location = named(address), locate(address)
    with environment.joined(location, auto=address == "auto"), ExitStack() as stack:
        try:
            with signals_kept(), interruptible_start.interruptible():
                check_token(location, who)
                ray.init(
                    location, log_to_driver=False, logging_level="error",
                    runtime_env={"env_vars": environment.IN_WORKERS},
                )  # fmt: skip
        except ResourceError:
            raise
        except Exception as error:
            raise ResourceError(f"{who}: no Ray answers: {own_ray.brief(error)}") from error
        stack.callback(disconnect)
        stack.enter_context(watching(f"Ray at {who}"))
        yield


@contextmanager
def _private_ray() -> Iterator[None]:
    """A Ray for this command alone, which nobody else can join."""
    with own_ray.folder() as folder, environment.alone(), ExitStack() as stack:
        own_ray.check_loopback()
        try:
            with signals_kept(), interruptible_start.interruptible():
                ray.init(
                    "local", include_dashboard=False, log_to_driver=False, logging_level="error",
                    object_store_memory=own_ray.OBJECT_STORE, _temp_dir=folder,
                    _system_config={"metrics_report_interval_ms": 60_000},
                )  # fmt: skip
        except Exception as error:
            raise ResourceError(f"Ray could not be started here: {own_ray.brief(error)}") from error
        stack.callback(disconnect)
        stack.enter_context(watching("The Ray of this command"))
        yield


@contextmanager
def _silenced() -> Iterator[None]:
    """Inside, Ray prints no pages when a process or a node is lost: the coordinator says what goes on."""
    before = ray._private.worker.print_to_stdstream
    ray._private.worker.print_to_stdstream = _drop
    try:
        yield
    finally:
        ray._private.worker.print_to_stdstream = before


def _drop(*_: Any, **__: Any) -> None: ...


def resources(placement: Placement) -> Resources:
    """What each worker gets of the Ray that is connected, with the nodes that its autoscaler may still bring up.

    Raises:
        ResourceError: it does not have as much.
    """
    alive = _alive()
    more = autoscaler_nodes.may_come(autoscaler_nodes.groups(), alive) if placement.address else []
    return share([*(node["Resources"] for node in alive), *more], placement)


def _alive() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def shortage(each: Resources) -> str:
    """What a person should know if not all trials that may run at once find room on the nodes that are there."""
    fitting = room([node["Resources"] for node in _alive()], each.cpus, each.gpus) // each.workers
    if fitting >= each.concurrent:
        return ""
    return (
        f"There is room for {fitting} of {each.concurrent} trials at once. The autoscaler brings up nodes for the "
        "others when they begin, which takes minutes; `ray status` shows whether it can."
    )
