"""How trials are placed on what a machine or a cluster has, decided before anything is started.

C trials at once, W workers per trial; a worker has to fit onto one node.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from silktune.errors import ResourceError

Node = Mapping[str, float]  # what a node has: CPU, GPU, …


@dataclass(frozen=True)
class Placement:
    """What a person asks for."""

    concurrent: int  # C
    workers: int  # W
    gpus: float | None  # per trial; None: as many as there are, evenly
    device: str
    retries: int  # how often a trial whose process died is run again
    address: str | None = None  # of a running Ray; None: one of its own on this machine


@dataclass(frozen=True)
class Resources:
    """What each worker of each trial gets."""

    concurrent: int
    workers: int
    cpus: float
    gpus: float

    @property
    def threads(self) -> int:
        return max(1, int(self.cpus))

    @property
    def per_worker(self) -> dict[str, float]:
        return {"CPU": self.cpus, "GPU": self.gpus} if self.gpus else {"CPU": self.cpus}


def share(nodes: Sequence[Node], placement: Placement) -> Resources:
    """Divide the nodes evenly among all workers of all trials that run at once.

    Raises:
        ResourceError: there is no GPU where one was asked for, or not all of them can ever run at once.
    """
    gpus = _gpus_per_worker(nodes, placement)
    wanted = placement.concurrent * placement.workers
    for cpus in _cpus(nodes):
        if room(nodes, cpus, gpus) >= wanted:
            return Resources(placement.concurrent, placement.workers, cpus, gpus)
    raise ResourceError(_too_much(nodes, placement, gpus))


def _gpus_per_worker(nodes: Sequence[Node], placement: Placement) -> float:
    available, workers = sum(node.get("GPU", 0.0) for node in nodes), placement.workers
    if placement.device == "cpu":
        if placement.gpus:
            raise ResourceError(f"--gpus-per-trial {placement.gpus:g} with --device cpu: leave one of them out.")
        return 0.0
    if not available and (placement.gpus or placement.device == "cuda"):
        raise ResourceError("Ray finds no GPU here. Use --device cpu, or look at nvidia-smi.")
    if placement.gpus is None:
        if workers > 1 or placement.concurrent <= available:
            return float(bool(available))
        trials_on_one = math.ceil(placement.concurrent / available) if available else 1
        return math.floor(100 / trials_on_one) / 100 if available else 0.0
    if workers > 1 and placement.gpus % workers:
        raise ResourceError(
            f"--gpus-per-trial {placement.gpus:g} with --workers-per-trial {workers}: workers cannot share a GPU. Give "
            f"--gpus-per-trial {workers}, a multiple of it, or 0."
        )
    return placement.gpus / workers


def _cpus(nodes: Sequence[Node]) -> Iterator[float]:
    """Every share of a node that can be asked for, the largest first: whole cores, then hundredths of one."""
    most = max((node.get("CPU", 0.0) for node in nodes), default=0.0)
    yield from map(float, range(int(most), 0, -1))
    yield from (hundredths / 100 for hundredths in range(99, 0, -1))


def room(nodes: Sequence[Node], cpus: float, gpus: float) -> int:
    """How many workers find room at once."""
    rooms = [
        [_fit(node.get("CPU", 0.0), cpus), *([_fit(node.get("GPU", 0.0), gpus)] if gpus else [])] for node in nodes
    ]
    return sum(map(min, rooms))


def _fit(available: float, each: float) -> int:
    return math.floor(available / each + 1e-9)


def _too_much(nodes: Sequence[Node], placement: Placement, gpus: float) -> str:
    places, workers = room(nodes, 0.01, gpus), placement.workers
    each = f"{workers} workers" if workers > 1 else "one worker"
    what = f"{each} with {gpus:g} GPU each" if gpus else each
    nodes_text = "; ".join(f"{node.get('CPU', 0):g} CPU and {node.get('GPU', 0):g} GPU" for node in nodes[:5])
    more = f" and {len(nodes) - 5} more" if len(nodes) > 5 else ""
    if places < workers:
        return (
            f"A trial of {what} can never be placed: Ray's nodes have {nodes_text}{more}. Ask for less with "
            "--workers-per-trial and --gpus-per-trial, or wait until `ray status` shows more nodes."
        )
    return (
        f"{placement.concurrent} trials at once of {what} do not fit: Ray's nodes have {nodes_text}{more}. "
        f"--concurrent {places // workers} does."
    )
