"""The Ray that trials run on: connected and let go, and what it has.

Ray says much that nobody can use, and leaves traces in the process; here it is kept quiet.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray._private.services import canonicalize_bootstrap_address_or_die

from silktune.errors import ResourceError, reason
from silktune.orchestrate import IN_WORKERS, autoscaler
from silktune.orchestrate.resources import Placement, Resources, room, share
from silktune.orchestrate.vigil import vigil

OBJECT_STORE = 128 * 2**20  # bytes; data sets are memory-mapped files, only reports go through Ray
ANSWER = 10.0  # seconds in which whoever listens answers


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
def a_ray(placement: Placement) -> Iterator[None]:
    """The Ray that is asked for, for as long as it is needed; one that is connected already is used and left.

    Raises:
        ResourceError: there is none, or it cannot be started.
    """
    if ray.is_initialized():
        yield
        return
    try:
        with signals_kept():
            _connect(placement.address)
    except (RuntimeError, ConnectionError, ValueError, OSError) as error:
        what = (
            f"--address {placement.address}: no Ray answers" if placement.address else "Ray could not be started here"
        )
        raise ResourceError(f"{what}: {' '.join(str(error).split())[:300]}") from error
    with vigil(f"Ray at --address {placement.address}" if placement.address else "The Ray of this command"):
        try:
            yield
        finally:
            ray.shutdown()


def _connect(address: str | None) -> None:
    if address:
        _knock(address)
        ray.init(address, log_to_driver=False, logging_level="error", runtime_env={"env_vars": IN_WORKERS})
        ray._private.worker.print_to_stdstream = _unsaid
        return
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # a local Ray listens on loopback only
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # as do its workers, whatever networks come and go
    ray.init(
        "local", include_dashboard=False, log_to_driver=False, logging_level="error",
        object_store_memory=OBJECT_STORE, _system_config={"metrics_report_interval_ms": 60_000},
    )  # fmt: skip


def _knock(address: str) -> None:
    """Nobody there is an error at once; Ray itself would wait for minutes.

    That of "auto" is the Ray that runs on this machine, or else the last that was started here and may be gone.
    """
    if address.startswith("ray://"):
        raise ResourceError(f"--address {address}: Ray's client cannot carry a study; submit it with `ray job submit`.")
    host, _, port = canonicalize_bootstrap_address_or_die(address).rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER).close()
    except OSError as error:
        raise ConnectionError(f"{host}:{port}: {reason(error)}") from error


def _unsaid(*_: Any, **__: Any) -> None:
    """Nothing of the pages that Ray prints when a node is lost: the desk says which trials go on elsewhere."""


def resources(placement: Placement) -> Resources:
    """What each worker gets of the Ray that is connected, with the nodes that its autoscaler may still bring up.

    Raises:
        ResourceError: it does not have as much.
    """
    there = _alive()
    more = autoscaler.may_come(autoscaler.groups(), there) if placement.address else []
    return share([*(node["Resources"] for node in there), *more], placement)


def _alive() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def missing(each: Resources) -> str:
    """What a person should know if not all trials that may run at once find room on the nodes that are there."""
    now = room([node["Resources"] for node in _alive()], each.cpus, each.gpus) // each.workers
    if now >= each.concurrent:
        return ""
    return (
        f"There is room for {now} of {each.concurrent} trials at once. The autoscaler brings up nodes for the others "
        "when they begin, which takes minutes; `ray status` shows whether it can."
    )
