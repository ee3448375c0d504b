"""A Ray cluster of many nodes on one machine: a head, and for every node a raylet that takes itself for a machine.

A whole fake node costs 140 MB: of Ray's own, the raylet has 12, its dashboard agent 80, its agent of runtime
environments 50 (measured, PSS, ray 2.60). A hundred would not fit here, and the agents have next to nothing to do with
what is measured. So the nodes share the head's agent of runtime environments and have no dashboard agent; a process
that only waits stands in for both, since a raylet ends when its agents do.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

OBJECT_STORE = 80 * 2**20  # bytes; Ray's least
LIMIT = 120  # seconds until all nodes are there
# An agent tells its ports in files and lives as long as its raylet.
STAND_IN = """
for port in $1; do
  file="$0/${port%=*}_$RAY_NODE_ID"; printf %s "${port#*=}" > "$file.part"; mv "$file.part" "$file"
done
exec tail --pid=$PPID -s 5 -f /dev/null
"""
NO_DASHBOARD = "metrics_agent_port=-1 metrics_export_port=-1 dashboard_agent_listen_port=-1"
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_memory_monitor_refresh_ms": "0",  # a hundred of them would watch the same memory
    # A hundred processes that start on two cores would be given up after a minute, and begun again, for ever.
    "RAY_worker_register_timeout_seconds": "1800",
    "RAY_health_check_failure_threshold": "100",
}


def main() -> None:
    """`python -m benchmarks.scale.nodes N FOLDER`: keep N nodes until its input ends; FOLDER/address says where."""
    nodes, folder = int(sys.argv[1]), Path(sys.argv[2])
    os.environ.update(SETTINGS)
    from ray.cluster_utils import Cluster

    store = {"object_store_memory": OBJECT_STORE}
    cluster = Cluster(initialize_head=True, head_node_args=store | {"num_cpus": 0, "include_dashboard": False})
    try:
        _share_agents(cluster.head_node)
        for _ in range(nodes):
            cluster.add_node(wait=False, num_cpus=1, **store)
        cluster.wait_for_nodes(LIMIT)
        (folder / "address.part").write_text(cluster.address, encoding="utf-8")
        (folder / "address.part").rename(folder / "address")
        sys.stdin.read()
    finally:
        cluster.shutdown()


def _share_agents(head: Any) -> None:
    """Nodes that are started from now on have stand-ins for agents, and no worker before one is asked for."""
    from ray._private import services

    start, session = services.start_ray_process, head.get_session_dir_path()
    shared = f"runtime_env_agent_port={head.runtime_env_agent_port}"
    stand_ins = {
        f"--{agent}_agent_command": subprocess.list2cmdline(["/bin/sh", "-c", STAND_IN, session, ports])
        for agent, ports in (("dashboard", NO_DASHBOARD), ("runtime_env", shared))
    }
    changed = stand_ins | {"--num_prestart_python_workers": "0"}

    def start_light(command: list[str], *rest: Any, **more: Any) -> Any:
        names = [word.partition("=")[0] for word in command]
        words = [f"{n}={changed[n]}" if n in changed else word for n, word in zip(names, command, strict=True)]
        return start(words, *rest, **more)

    services.start_ray_process = start_light


if __name__ == "__main__":
    main()
