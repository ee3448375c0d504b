"""A woven data set, prepared once, for every test that trains; and a bucket."""

from __future__ import annotations

import os

# Tests and the commands they start share the cores. Threads that spin while they wait for each other, as OpenMP's do
# unless it is told before torch is loaded, made three small trainings at once three times slower on two cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from collections.abc import Iterator
from pathlib import Path

import pytest

from silktune.data.dataset import Dataset
from silktune.data.prepare import prepare
from silktune.data.sample_data.collection import weave
from silktune.settings import Data
from silktune.storage import Storage
from tests.buckets import bucket


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In several processes (`-n`) a file's tests stay together, and all that start a Ray, which come first."""
    if not config.pluginmanager.hasplugin("xdist"):
        return
    for item in items:
        group = "ray" if item.get_closest_marker("ray") else item.path.as_posix()
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: item.get_closest_marker("ray") is None)


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
