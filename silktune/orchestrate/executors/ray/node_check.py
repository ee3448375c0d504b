"""The nodes of a running Ray, asked before a study begins: is silktune there, and the place that trials write into?

What is wrong with one of them would fail the trials that come to it, in the middle of the night.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from silktune import __version__
from silktune.errors import ResourceError, SilktuneError, reason
from silktune.storage import Storage

LIMIT = 120.0  # seconds for all of them; a node's first process takes some
NAMED = 5  # nodes in one sentence
REMEDY = "Give as --root a folder that all nodes mount at the same path, or a --storage that all nodes reach."


def check(place: Storage, folder: str) -> None:
    """Ask every node that is alive for its version, to read and write in `place`, and to see a folder.

    Args:
        place: where trials write.
        folder: where they read, on a disk; "" if they find elsewhere what they read.

    Raises:
        ResourceError: every node that cannot do its part; all at once.
    """
    alive = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}
    marker, mark = f".silktune-{uuid.uuid4().hex}", uuid.uuid4().bytes
    try:
        place.write(marker, mark)
        try:
            answers = _answers(list(alive), __version__, place.where, marker, mark, folder)
        finally:
            for name in (marker, f"{marker}-answer"):
                place.remove(name)
    except OSError as error:
        raise ResourceError(f"{place}: this place cannot be written ({reason(error)}).") from error
    if complaints := _together({alive[node]: sentences for node, sentences in answers.items()}):
        raise ResourceError.of(complaints)


def _answers(nodes: list[str], *questions: Any) -> dict[str, list[str]]:
    """What speaks against each node; one that is lost while it is asked is none any more."""
    task = ray.remote(num_cpus=0, max_retries=0)(complaints_of_node)
    node_of = {}
    for node in nodes:
        strategy = NodeAffinitySchedulingStrategy(node, soft=False)
        node_of[task.options(scheduling_strategy=strategy).remote(*questions)] = node
    answered, silent = ray.wait(list(node_of), num_returns=len(node_of), timeout=LIMIT)
    answers = {node_of[task]: [f"it does not answer within {LIMIT:g} s."] for task in silent}
    for answer in answered:
        try:
            answers[node_of[answer]] = ray.get(answer)
        except ray.exceptions.RayTaskError as error:
            answers[node_of[answer]] = [f"silktune {__version__} cannot be used there ({reason(error.cause)})."]
        except ray.exceptions.RayError:
            continue
    return answers


def _together(answers: Mapping[str, list[str]]) -> list[str]:
    """What is said of nodes, a line for each sentence: where one is wrong, a hundred may be."""
    nodes: dict[str, list[str]] = {}
    for node, sentences in answers.items():
        for sentence in sentences:
            nodes.setdefault(sentence, []).append(node)
    return [f"{_named(alike)}: {sentence}" for sentence, alike in nodes.items()]


def _named(nodes: list[str]) -> str:
    if len(nodes) == 1:
        return f"Node {nodes[0]}"
    more = f" and {len(nodes) - NAMED} more" if len(nodes) > NAMED else ""
    return f"Nodes {', '.join(nodes[:NAMED])}{more}"


def complaints_of_node(version: str, where: str, marker: str, mark: bytes, folder: str) -> list[str]:
    """What speaks against the node on which this is called, in sentences."""
    complaints = []
    if version != __version__:
        complaints.append(f"it has silktune {__version__}, this machine {version}. Install the same.")
    if folder and not Path(folder).exists():
        complaints.append(f"it does not see the data set, {folder}. {REMEDY}")
    if complaint := _storage_complaint(Storage(where), marker, mark):
        complaints.append(f"{complaint} {REMEDY}")
    return complaints


def _storage_complaint(place: Storage, marker: str, mark: bytes) -> str:
    try:
        if place.read(marker) != mark:
            return f"what this machine writes to {place} is not seen there."
        place.write(f"{marker}-answer", mark)
    except (OSError, SilktuneError) as error:
        return f"{place} cannot be used there ({reason(error)})."
    return ""
