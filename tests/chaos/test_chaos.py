"""A study on a real Ray of several nodes is disturbed by SIGKILLs, and ends as if nothing had happened."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from silktune.data.sample_data import collection
from tests.chaos import faults
from tests.chaos.faults import Scene
from tests.chaos.nodes import Cluster, cluster
from tests.chaos.study import TRIALS, Study

pytestmark = [pytest.mark.cluster, pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(600)]

SEED = 7


@pytest.fixture(scope="module")
def poison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("chaos") / "poison"


@pytest.fixture(scope="module")
def ray(poison: Path) -> Iterator[Cluster]:
    with cluster(2, faults.poisonable(poison)) as made:
        yield made


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return collection.weave(tmp_path_factory.mktemp("woven") / "sample", 120, 0)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, table: Path, ray: Cluster) -> Iterator[Study]:
    study = Study(tmp_path_factory.mktemp("undisturbed"), table, ray.address)
    try:
        study.start()
        assert study.end() == 0, study.said
        yield study
    finally:
        study.kill()


@pytest.fixture
def scene(tmp_path: Path, table: Path, ray: Cluster, poison: Path) -> Iterator[Scene]:
    made = Scene(ray, Study(tmp_path / "study", table, ray.address), random.Random(SEED), poison)
    yield made
    made.study.kill()


def test_a_trial_that_kills_its_process_fails_and_is_run_again_alone(scene: Scene, undisturbed: Study) -> None:
    scene.study.add("--runs", "1", "--retries", "1")
    (scene.poison / "trial").write_text("MTL-fo-run1", encoding="utf-8")
    scene.study.start()
    assert scene.study.end() == 3, scene.study.said
    (scene.poison / "trial").unlink()
    outcomes, expected = scene.study.outcomes(), undisturbed.outcomes()
    failed = outcomes.pop("MTL-fo-run1")
    assert (failed["state"], failed["reason"]) == ("failed", "its process died 2 times (out of memory, or killed)")
    assert "row 'MTL^fo', run 1: its process died 2 times" in " ".join(scene.study.said.split())
    assert outcomes == {name: expected[name] for name in ("MTL-run1", "MTL+R-sem-run1")}
    scene.study.start()
    assert scene.study.end() == 0, scene.study.said
    assert scene.study.outcomes() == outcomes | {"MTL-fo-run1": expected["MTL-fo-run1"]}
    assert scene.study.again == set()


def test_a_disturbed_study_ends_as_an_undisturbed_one(scene: Scene, undisturbed: Study) -> None:
    """Workers killed, a node lost, one announced to go, the driver killed, the head lost, in an order by chance."""
    planned = faults.plan(SEED, 5, ["late", "node", "driver", "spot", "head"])
    happened = faults.disturb(scene, planned, print)
    assert happened == len(planned), scene.study.said
    assert "its process died; it goes on from its last checkpoint" in scene.study.said
    assert faults.GONE in scene.study.said
    assert "(raylet)" not in scene.study.said  # Ray's own words for it are a page long
    assert len(scene.study.outcomes()) == TRIALS
    assert scene.study.lost() == []
    assert scene.study.again == set()
    assert scene.study.differences(undisturbed) == []
