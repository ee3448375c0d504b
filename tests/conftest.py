"""A woven data set, prepared once, for every test that trains; and a bucket."""

from __future__ import annotations

import os

# Tests and the commands they start share the cores. Threads that spin while they wait for each other, as OpenMP's do
# unless it is told before torch is loaded, made three small trainings at once three times slower on two cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from silktune.data.dataset import Dataset
from silktune.data.prepare import prepare
from silktune.data.sample_data.collection import weave
from silktune.settings import Data
from silktune.storage import Storage
from tests.buckets import bucket

TESTS = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that start a Ray come first, then those that train, since what is long should not begin last."""
    rank = {item.path: _rank(item) for item in reversed(items)}
    for item in items:
        rank[item.path] = min(rank[item.path], _rank(item))
    items.sort(key=lambda item: rank[item.path])


def _rank(item: pytest.Item) -> int:
    return 0 if item.get_closest_marker("ray") else 1 if item.get_closest_marker("slow") else 2


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """In several processes (`-n`) a file's tests stay together, which share what its fixtures make; and all Rays."""
    from xdist.scheduler import LoadFileScheduling

    rays = {path.relative_to(config.rootpath).as_posix() for path in TESTS.rglob("test_*.py") if _starts_a_ray(path)}

    class ByFile(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return "Ray" if file in rays else file

    return ByFile(config, log)


def _starts_a_ray(path: Path) -> bool:
    return "pytest.mark.ray" in path.read_text(encoding="utf-8")


def woven_set(folder: Path, images: int) -> Dataset:
    table = weave(folder / "sample", images, 0)
    return Dataset.open(prepare(table, None, Data(image_size=32), folder / "data", workers=1))


@pytest.fixture(scope="session")
def woven(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """90 images of 32×32 pixels with five variables."""
    return woven_set(tmp_path_factory.mktemp("woven90"), 90)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """60 images of 32×32 pixels with five variables."""
    return woven_set(tmp_path_factory.mktemp("woven60"), 60)


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The URI of a folder in a bucket, on a server of this machine."""
    with bucket() as uri:
        yield uri


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    """A storage, empty at first, in a folder and in a bucket."""
    where = tmp_path / "kept" if request.param == "folder" else str(request.getfixturevalue("s3"))
    made = Storage.of(where)
    yield made
    made.remove()


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ablation in this process without its figures, which take seconds and are not looked at."""
    from silktune.study.figures import ablation_figures

    monkeypatch.setattr(ablation_figures, "write", lambda results, folder: None)
