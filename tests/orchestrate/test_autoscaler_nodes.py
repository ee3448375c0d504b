"""Which nodes may still come: what `ray up` leaves on the head, less what is there."""

from __future__ import annotations

from typing import Any

import pytest

from silktune.orchestrate.executors.ray.autoscaler_nodes import may_come

GPU = {"CPU": 4, "GPU": 1}
BIG = {"CPU": 16, "GPU": 4}
AWS = {
    "max_workers": 8,
    "head_node_type": "head",
    "available_node_types": {
        "head": {"resources": {"CPU": 4}, "max_workers": 0},
        "gpu": {"resources": GPU, "min_workers": 0, "max_workers": 3},
        "big": {"resources": BIG, "min_workers": 0, "max_workers": 2},
    },
}
ON_PREMISES = {
    "max_workers": 1,
    "head_node_type": "local.cluster.node",
    "available_node_types": {"local.cluster.node": {"resources": {}, "min_workers": 1, "max_workers": 1}},
}


def node(group: str = "", **resources: float) -> dict[str, Any]:
    return {"Resources": resources, "Labels": {"ray.io/node-group": group} if group else {}}


HEAD = node("head", **{"CPU": 4, "node:__internal_head__": 1})


@pytest.mark.parametrize(
    ("config", "alive", "found"),
    [
        (AWS, [HEAD], [GPU, GPU, GPU, BIG, BIG]),
        (AWS, [HEAD, node("gpu", **GPU), node("gpu", **GPU)], [GPU, BIG, BIG]),
        (AWS, [HEAD, *[node("gpu", **GPU)] * 3, *[node("big", **BIG)] * 2], []),
        (AWS | {"max_workers": 4}, [HEAD, node("gpu", **GPU)], [GPU, GPU, BIG]),
        (AWS | {"max_workers": 1}, [HEAD, node(**GPU)], []),  # one that joined by itself takes a place, too
        (ON_PREMISES, [HEAD], []),
        ({}, [HEAD], []),
    ],
)
def test_a_group_has_so_many_nodes_still_to_come(
    config: dict[str, Any], alive: list[dict[str, Any]], found: list[dict[str, float]]
) -> None:
    assert may_come(config, alive) == found
