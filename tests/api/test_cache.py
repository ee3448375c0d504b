"""Activations as a person meets them: a study keeps them, `silktune cache` lists and deletes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import silktune
from silktune.api import cache
from silktune.core.activations.store import ActivationStore
from silktune.core.inputs import Inputs
from silktune.data.prepare import prepare
from silktune.data.sample_data.collection import weave
from silktune.errors import SettingsError
from silktune.settings import Data
from tests.cli.run import silktune as command

pytestmark = pytest.mark.timeout(120)
SPACE = """
set: {data.image_size: 32, net.trunk: resnet18, net.weights: none, net.NB_RN: 0, net.NN_jfc: [8], net.NN_tfc: [],
  train.batch_size: 24, train.max_epochs: 2, loss.alpha_slf: 0}
search:
  loss.gamma: {choices: [0.0, 1.0, 2.0]}
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of studies with a prepared data set."""
    folder = tmp_path_factory.mktemp("cache")
    prepare(weave(folder / "sample", 60, 0), None, Data(image_size=32), folder / "data", workers=1)
    (folder / "space.yaml").write_text(SPACE, encoding="utf-8")
    return folder


def search(root: Path, name: str, **more: Any) -> Any:
    return silktune.search(
        root / "sample" / "labels.csv", root / "space.yaml", sampler="grid", confirm=0, final_runs=1, executor="local",
        device="cpu", root=root, name=name, **more,
    )  # fmt: skip


@pytest.fixture(scope="module")
def images_computed(root: Path) -> tuple[int, Any]:
    """Through how many images the frozen part went in a search of three trials and a final run, and the search."""
    count, prefix = 0, Inputs.prefix

    def counting(inputs: Inputs, images: Any) -> Any:
        nonlocal count
        count += len(images)
        return prefix(inputs, images)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Inputs, "prefix", counting)
        study = search(root, "with")
    return count, study


def test_three_trials_compute_the_frozen_part_once(root: Path, images_computed: tuple[int, Any]) -> None:
    assert images_computed[0] == 60 + 60  # random weights are others in the final run


def test_without_them_a_search_says_the_same(root: Path, images_computed: tuple[int, Any]) -> None:
    kept, computed = images_computed[1], search(root, "without", cache_gb=0)
    assert list(kept.trials["value"]) == pytest.approx(list(computed.trials["value"]))
    assert kept.test["mean_f1"].tolist() == pytest.approx(computed.test["mean_f1"].tolist())


def test_one_training_keeps_them_too(root: Path, images_computed: tuple[int, Any]) -> None:
    (data,) = [file.parent for file in (root / "data").glob("*/dataset.json")]
    settings = images_computed[1].winner.experiment.flat() | {"net.NB_RN": 1}
    before = len(cache.cached(root))
    silktune.train(data, settings, device="cpu", root=root)
    assert len(cache.cached(root)) == before + 1


def test_they_are_listed_and_deleted(root: Path, images_computed: tuple[int, Any]) -> None:
    entries = cache.cached(root)
    assert {(entry.trunk, entry.weights, entry.images) for entry in entries} == {("resnet18", "none", 60)}
    listed = command("cache", "--root", root)
    assert listed.returncode == 0
    assert all(entry.name in listed.stdout for entry in entries)
    with pytest.raises(SettingsError, match="There are no activations nothing"):
        cache.remove(["nothing", entries[0].name], root)
    assert cache.cached(root) == entries
    assert cache.remove([entries[0].name], root) == [entries[0]]
    assert cache.cached(root) == entries[1:]
    deleted = command("cache", "--root", root, "--remove", "all")
    assert deleted.stdout.startswith(f"Deleted: {len(entries) - 1}, ")
    assert command("cache", "--root", root).stdout == f"Below {root} no activations are kept.\n"


def test_a_study_goes_on_when_they_were_deleted(root: Path, images_computed: tuple[int, Any]) -> None:
    cache.remove([cache.ALL], root)
    study = search(root, "with")
    assert study.trials["value"].tolist() == images_computed[1].trials["value"].tolist()


def test_a_store_that_is_no_more_written_is_no_entry(root: Path, images_computed: tuple[int, Any]) -> None:
    folder = next((root / "data" / "images").glob("*")) / "activations" / "broken"
    folder.mkdir(parents=True)
    (folder / "activations.json").write_text("{", encoding="utf-8")
    assert "broken" not in [entry.name for entry in cache.cached(root)]
    assert ActivationStore(folder, images_computed[1]).index() == {}
