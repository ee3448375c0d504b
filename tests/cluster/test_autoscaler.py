"""A search begins on a head without workers: Ray's own autoscaler brings them up, as processes instead of machines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from silktune.data.sample_data import collection
from tests.cluster.local import Head, head
from tests.orchestrate.conftest import LONG_GRID

HEAD, HEAD_TYPE = "f" * 51 + "00000", "ray.head.default"  # as the provider names the head
PROVIDER = {
    "type": "external",  # since the wheel of Ray 2.60 lacks the defaults of its own `fake_multinode`
    "module": "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider",
    "head_node_id": HEAD,
    "launch_multiple": True,
}
ONE_CPU = {
    "resources": {"CPU": 1, "object_store_memory": 100_000_000},
    "labels": {"ray.io/node-group": "one-cpu"},
    "node_config": {},
    "min_workers": 0,
    "max_workers": 2,
}
LISTS = (
    "initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands",
    "head_start_ray_commands", "worker_start_ray_commands", "cluster_synced_files", "rsync_exclude", "rsync_filter",
)  # fmt: skip
CONFIG: dict[str, Any] = {
    "cluster_name": "silktune",
    "max_workers": 2,
    "idle_timeout_minutes": 5,
    "provider": PROVIDER,
    "head_node_type": HEAD_TYPE,
    "available_node_types": {
        HEAD_TYPE: {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
        "one-cpu": ONE_CPU,
    },
    "auth": {},
    "file_mounts": {},
    "file_mounts_sync_continuously": False,
    **{name: [] for name in LISTS},
}

pytestmark = [pytest.mark.cluster, pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture
def cluster() -> Iterator[Head]:
    variables = {
        "RAY_FAKE_CLUSTER": "1", "RAY_enable_autoscaler_v2": "1", "AUTOSCALER_UPDATE_INTERVAL_S": "1",
        "RAY_OVERRIDE_NODE_ID_FOR_TESTING": HEAD, "RAY_CLOUD_INSTANCE_ID": HEAD, "RAY_NODE_TYPE_NAME": HEAD_TYPE,
    }  # fmt: skip
    with head(["--num-cpus=0"], autoscaling=CONFIG, **variables) as made:
        yield made


def test_a_search_waits_for_the_nodes_that_the_autoscaler_brings_up(cluster: Head, tmp_path: Path) -> None:
    collection.weave(tmp_path / "sample", 120, 0)
    (tmp_path / "grid.yaml").write_text(LONG_GRID, encoding="utf-8")
    said = cluster.run(
        f"silktune search {tmp_path}/grid.yaml --sampler grid --trials 2 --confirm 0 --final-runs 1 --device cpu "
        f"--concurrent 2 --data {tmp_path}/sample/labels.csv --address {cluster.address} "
        f"--root {tmp_path}/runs --name study",
        limit=180,
    )
    assert "There is room for 0 of 2 trials at once. The autoscaler brings up nodes" in said
    found = [json.loads(file.read_text(encoding="utf-8")) for file in (tmp_path / "runs/study/outcomes").glob("*.json")]
    assert [outcome["state"] for outcome in found] == ["finished"] * 3, said
    assert "2 one-cpu" in cluster.run(f"ray status --address {cluster.address}")
