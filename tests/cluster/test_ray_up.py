"""docs/cluster/README.md, *Your own machines*, followed literally on two hosts; one is cut off during a search."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from silktune.data.sample_data import collection
from tests.cluster.hosts import HOME, INTERFACE, ROOT, STORAGE, Host, Site, finish, site, why_not
from tests.nodes import LAUNCHER

FILE = "docs/cluster/onpremises.yaml"
README = (ROOT / "docs" / "cluster" / "README.md").read_text(encoding="utf-8")
SEARCH = (
    f"silktune search quick --data {STORAGE}/sample/labels.csv --address auto --concurrent 2 --device cpu --trials 4 "
    f"--confirm 0 --final-runs 1 --root {STORAGE}/runs --name two data.image_size=32 train.batch_size=24 "
    "train.max_epochs=16 train.patience=16 net.NB_RN=1 net.trunk=resnet18 net.weights=none loss.alpha_slf=0.5"
)
NO_INTERNET = "[global]\nno-index = true\nno-build-isolation = false\n"  # false: pip's way to say yes here

pytestmark = [pytest.mark.cluster, pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Site]:
    """Two hosts and a laptop, as the documentation wants to find them."""
    if reason := why_not():
        pytest.skip(reason)
    collection.weave(tmp_path / "sample", 120, 0)
    with site(tmp_path) as made:
        for host in (made.head, made.worker):
            _furnish(host)
        yield made


def _furnish(host: Host) -> None:
    """No internet is here: each host has a virtual environment already, and from there pip takes what it installs."""
    host.write(f"{HOME}/.config/pip/pip.conf", NO_INTERNET)
    host.run("mkdir", f"{HOME}/silktune", limit=10)
    host.run("ln", "-s", sys.prefix, f"{HOME}/silktune/.venv", limit=10)


def test_a_search_on_two_hosts_ends_with_all_its_trials_though_one_is_cut_off(two: Site, tmp_path: Path) -> None:
    follow = partial(_follow, two.laptop)
    follow("ray get-auth-token --generate > /dev/null", limit=60)
    follow("chmod 600 ~/.ray/auth_token", limit=10)
    follow("ssh-keygen -t ed25519 -N '' -f ~/.ssh/silktune", limit=10)
    _let_in(two)
    _fill_in(two)
    follow(f"silktune cluster check {FILE} --nodes", limit=60)
    follow(f"ray up -y {FILE}", limit=200)
    _wait_for_hosts(2, two, limit=120)

    search = two.laptop.begin("ray", "exec", FILE, SEARCH, RAY_AUTH_MODE="token")
    study = tmp_path / "runs" / "two"
    _wait_for_training(two, study, search, limit=120)
    two.cut(two.worker)
    status, output = finish(search, limit=240)

    assert status == 0, output
    assert output.count("its process died; it goes on from its last checkpoint.") == 1, output
    assert "The runs are at http://127.0.0.1:5000" in output, output
    outcomes = _outcomes(study)
    assert len(outcomes) == 5, outcomes
    assert {name for name in outcomes if name[0] == "t"} == {"t000", "t001", "t002", "t003"}
    for name, outcome in outcomes.items():
        assert outcome["state"] in ("finished", "pruned"), (name, outcome)
        assert [epoch["number"] for epoch in outcome["epochs"]] == list(range(1, len(outcome["epochs"]) + 1))

    _wait_for_hosts(1, two, limit=60)
    two.mend(two.worker)
    _wait_for_hosts(2, two, limit=90)
    follow(f"ray exec {FILE} 'kill -- -$(cat ~/mlflow/server.pid)'", limit=60)
    follow(f"ray down -y {FILE}", limit=90)
    assert not two.head.processes("raylet")
    assert not two.head.processes("mlflow")


def _follow(laptop: Host, command: str, *, limit: float) -> str:
    """What a command prints that stands in the documentation; it is given in the repository's folder."""
    assert command in README, f"docs/cluster/README.md does not say: {command}"
    return laptop.run("bash", "-c", command, limit=limit, RAY_AUTH_MODE="token")


def _wait_for_hosts(count: int, two: Site, *, limit: float) -> None:
    """Until `ray status` has seen so many."""
    end = time.monotonic() + limit
    while not re.search(rf"Active:\s+{count} ", said := _follow(two.laptop, f"ray exec {FILE} 'ray status'", limit=60)):
        if time.monotonic() > end:
            log = two.head.run("sh", "-c", "tail -n 40 /tmp/ray/session_latest/logs/monitor.log", limit=10)
            raise AssertionError(f"not {count} hosts after {limit} s:\n{said}\n{log}")


def _let_in(two: Site) -> None:
    """What ssh-copy-id does, which would ask for a password."""
    key = two.laptop.run("cat", f"{HOME}/.ssh/silktune.pub", limit=10)
    for host in (two.head, two.worker):
        host.write(f"{HOME}/.ssh/authorized_keys", key)


def _fill_in(two: Site) -> None:
    """Give the laptop's file, and no other host's, what the documentation says has to be filled in."""
    text = (ROOT / FILE).read_text(encoding="utf-8")
    filled = {
        "<head address>": two.head.address,
        "<worker address>": two.worker.address,
        "<user>": "root",
        "<interface>": INTERFACE,
    }
    for gap, value in filled.items():
        assert gap in text
        text = text.replace(gap, value)
    two.laptop.write(f"{HOME}/onpremises.yaml", text)
    two.laptop.run("mount", "--bind", f"{HOME}/onpremises.yaml", str(ROOT / FILE), limit=10)


def _wait_for_training(two: Site, study: Path, search: subprocess.Popen[str], *, limit: float) -> None:
    """Until each host trains a trial, and each of the two trials has a checkpoint."""
    end = time.monotonic() + limit
    while not (_trains(two.head) and _trains(two.worker) and len(list(study.glob("trials/*/checkpoint.pt"))) == 2):
        if time.monotonic() > end or search.poll() is not None:
            raise AssertionError(f"never on both hosts: {finish(search, limit=1)}")
        time.sleep(0.1)


def _trains(host: Host) -> bool:
    return bool(host.processes(LAUNCHER))


def _outcomes(study: Path) -> dict[str, Any]:
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in (study / "outcomes").glob("[!.]*.json")}
