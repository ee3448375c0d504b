"""The nodes that a cluster's autoscaler may still bring up.

Ray tells a driver which nodes there are, not which may come: no autoscaler of Ray 2.60 reports its node groups to it.
`ray up` leaves them on the head, where silktune runs, in the file from which it starts either autoscaler.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

FILE = Path("~/ray_bootstrap_config.yaml")
GROUP, HEAD = "ray.io/node-group", "node:__internal_head__"  # a node's label, and a resource of the head


def groups() -> dict[str, Any]:
    """What `ray up` left on this machine; {} if nothing."""
    file = FILE.expanduser()
    return dict(yaml.safe_load(file.read_text(encoding="utf-8"))) if file.exists() else {}


def may_come(config: Mapping[str, Any], alive: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    """The resources of each node that is not there yet.

    Args:
        config: as `ray up` completes it: every group with its `resources` and `max_workers`. A group of machines that
            are there already (`provider: local`) has no resources, and nothing to bring up.
        alive: the nodes that are there, as Ray describes them.
    """
    present = Counter(node["Labels"].get(GROUP) for node in alive)
    expected = []
    for name, group in config.get("available_node_types", {}).items():
        if name != config["head_node_type"] and group["resources"]:
            expected += [group["resources"]] * (group["max_workers"] - present[name])
    workers = sum(HEAD not in node["Resources"] for node in alive)
    return expected[: max(0, config.get("max_workers", 0) - workers)]
