"""docs/cluster/README.md, *Search*, followed literally on a cluster of one machine; the search is stopped once."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from silktune.data.sample_data import collection
from tests.cluster.hosts import ROOT
from tests.cluster.local import Head, head
from tests.nodes import free_port
from tests.orchestrate.conftest import LONG_GRID

README = (ROOT / "docs" / "cluster" / "README.md").read_text(encoding="utf-8")
SUBMIT = "ray job submit --no-wait --submission-id silk -- silktune search "
LIMIT = 100  # seconds for a trial, or for what is left of the search

pytestmark = [pytest.mark.cluster, pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def cluster() -> Iterator[Head]:
    """A head with Ray's dashboard, and a shell in which the documentation's variables are exported."""
    port = free_port()
    (exported,) = re.findall(r"^export (RAY_AUTH_MODE=token RAY_API_SERVER_ADDRESS=\S+)$", README, re.MULTILINE)
    variables = dict(word.split("=", 1) for word in exported.replace("8265", str(port)).split())
    # As the files for clusters have it: a busy driver gets its time to say what is kept.
    with head(["--num-cpus=2"], dashboard=port, RAY_JOB_STOP_WAIT_TIME_S="30", **variables) as made:
        yield made


def test_a_search_is_submitted_stopped_and_gone_on_with(cluster: Head, tmp_path: Path) -> None:
    collection.weave(tmp_path / "sample", 120, 0)
    (tmp_path / "grid.yaml").write_text(LONG_GRID, encoding="utf-8")
    outcomes = tmp_path / "runs" / "study" / "outcomes"

    submit(cluster, tmp_path)
    first = wait_for(outcomes / "t000.json", cluster)
    assert "was stopped" in follow(cluster, "ray job stop silk")
    assert len(list(outcomes.glob("*.json"))) < 3

    follow(cluster, "ray job delete silk")
    submit(cluster, tmp_path)
    log = follow(cluster, "ray job logs --follow silk", limit=LIMIT)
    assert "succeeded" in follow(cluster, "ray job status silk")
    found = {file.stem: json.loads(file.read_text(encoding="utf-8"))["state"] for file in outcomes.glob("*.json")}
    assert len(found) == 3, found
    assert set(found.values()) == {"finished"}
    assert (outcomes / "t000.json").stat().st_mtime_ns == first, "a finished trial was run again"
    readable(log, found)


def submit(cluster: Head, folder: Path) -> None:
    """The documented command, with a search that takes seconds."""
    words = (
        f"{folder}/grid.yaml --sampler grid --trials 2 --confirm 0 --final-runs 1 --device cpu "
        f"--data {folder}/sample/labels.csv --address auto --root {folder}/runs --name study train.max_epochs=6"
    )
    assert SUBMIT in README
    assert "submitted successfully" in cluster.run(SUBMIT + words)


def follow(cluster: Head, command: str, *, limit: float = 60) -> str:
    """What a command prints that stands in the documentation."""
    assert command in README, f"docs/cluster/README.md does not say: {command}"
    return cluster.run(command, limit=limit)


def wait_for(file: Path, cluster: Head) -> int:
    """Until a file is there; when it was written."""
    end = time.monotonic() + LIMIT
    while not file.exists():
        assert time.monotonic() < end, cluster.run("ray job logs silk")
        time.sleep(0.05)
    return file.stat().st_mtime_ns


def readable(log: str, trials: dict[str, str]) -> None:
    """The jobs of one name have one log: each trial ended once in it, sentences are whole, and Ray says nothing."""
    for trial in trials:
        assert len(re.findall(rf"^{trial}\s+finished .* 6 epochs, \d+ s$", log, re.MULTILINE)) == 1, log
    interrupted = r"^Interrupted( during [\w-]+)?\. What is done is kept; the same command goes on\.$"
    assert len(re.findall(interrupted, log, re.MULTILINE)) == 1, log
    assert re.search(r"^The winner is t00[01]\. Its settings:$", log, re.MULTILINE), log
    for noise in ("Traceback", "WARN", "ERROR", "SIGTERM", "(pid=", "raylet", "Error:"):
        assert noise not in log, log
