"""A bucket instead of a shared folder: two nodes that share nothing else, and a driver whose machine is lost."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from silktune.storage import Storage
from tests.chaos.nodes import Cluster, cluster
from tests.nodes import LAUNCHER, Node, is_training
from tests.orchestrate.conftest import LIMIT, ON_RAY, Bench

pytestmark = [pytest.mark.cluster, pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(3 * LIMIT)]

HIDE = 'mount -t tmpfs none "$0" && exec "$@"'
OLD = '__version__ = "0.0.9"\n'


@dataclass
class Site:
    """A cluster of two nodes; one of them sees nothing of the folder that the driver works in."""

    cluster: Cluster
    blind: Node
    bench: Bench
    cache: Path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, table: Path, s3: str) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    driver, cache = folder / "driver", folder / "cache"
    driver.mkdir()
    if not _can_hide(driver):
        pytest.skip("a folder can be hidden from a process only by root, in a mount namespace of its own")
    bench = Bench(driver, Path(shutil.copytree(table.parent, driver / "sample")) / table.name, ON_RAY, "ray")
    try:
        with cluster(1, {"SILKTUNE_CACHE": str(folder / "cache of the other")}) as made:
            blind = made.join(within=_hidden(driver), SILKTUNE_CACHE=str(cache))
            blind.wait()
            yield Site(made, blind, bench, cache)
    finally:
        bench.end()


def _hidden(folder: Path) -> tuple[str, ...]:
    """What stands before a command that is not to see what is in a folder."""
    return ("unshare", "--mount", "sh", "-c", HIDE, str(folder))


def _can_hide(folder: Path) -> bool:
    return subprocess.run([*_hidden(folder), "true"], capture_output=True, check=False).returncode == 0


def timed(folder: Path) -> dict[str, str]:
    """Every outcome as it stands on the disk, with the times that it took."""
    return {
        file.stem: file.read_text(encoding="utf-8")
        for file in sorted((folder / "study" / "outcomes").glob("[!.]*.json"))
    }


def kill_what_trains(node: Node) -> None:
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        for process in node.processes():
            if is_training(process, LAUNCHER):
                process.kill()
                return
    raise AssertionError("nothing trains on that node")


def wait_for(files: str, count: int, storage: Storage, process: subprocess.Popen[str]) -> None:
    """Until so many files of a pattern are in the storage."""
    end = time.monotonic() + LIMIT
    while sum(bool(re.fullmatch(files, name)) for name in storage.files()) < count:
        assert time.monotonic() < end
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.2)


def test_a_node_that_does_not_see_the_folder_is_named(site: Site) -> None:
    status, output = site.bench.run("--address", site.cluster.address)
    assert status == 1, output
    said = " ".join(output.split())
    assert f"Node {site.blind.address}: it does not see the data set, {site.bench.folder}/runs/data/" in said
    assert f"Node {site.blind.address}: what this machine writes to {site.bench.folder}/runs/study is not seen" in said
    assert output.count("Node ") == 2, output


def test_a_node_with_another_silktune_is_named(site: Site, s3: str, tmp_path: Path) -> None:
    package = Path(shutil.copytree(Path(__file__).parents[2] / "silktune", tmp_path / "silktune"))
    (package / "__init__.py").write_text(OLD, encoding="utf-8")
    old = site.cluster.join(PYTHONPATH=str(tmp_path))
    try:
        old.wait()
        status, output = site.bench.run("--address", site.cluster.address, "--storage", s3)
    finally:
        site.cluster.lose(old)
    assert status == 1, output
    assert f"Node {old.address}: it has silktune 0.0.9, this machine" in output
    assert output.count("Node ") == 1, output


def test_a_study_goes_on_though_a_node_loses_its_trial_and_the_driver_its_machine(
    site: Site, s3: str, undisturbed_on_ray: tuple[Bench, int, str]
) -> None:
    storage, words = Storage.of(s3), ("--address", site.cluster.address, "--storage", s3)
    process = site.bench.start(*words)
    wait_for(r"study/trials/t00\d/checkpoint\.pt", 2, storage, process)
    kill_what_trains(site.blind)
    wait_for(r"study/outcomes/t00\d\.json", 2, storage, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    there = storage.files()  # an outcome that was written a moment ago may not be there yet, and goes with the machine
    before = {
        name: text for name, text in timed(site.bench.folder / "runs").items() if f"study/outcomes/{name}.json" in there
    }
    shutil.rmtree(site.bench.folder / "runs")

    status, output = site.bench.run(*words, root="other")
    assert status == 0, output
    after = timed(site.bench.folder / "other")
    assert 2 <= len(before) < len(after) == 4 + 2
    assert {name: text for name, text in after.items() if name in before} == before, "a trial was trained twice"
    cached = {path.name for path in (site.cache / "data").iterdir() if not path.name.startswith(".")}
    assert cached == {json.loads(_plan(storage))["data"], "images"}
    assert not (site.cache.parent / "cache of the other").exists()
    assert not [name for name in storage.files() if name.endswith("checkpoint.pt")]

    assert site.bench.outcomes("other") == undisturbed_on_ray[0].outcomes()


def _plan(storage: Storage) -> bytes:
    return storage.read("study/plan.json") or b""
