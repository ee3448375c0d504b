"""Activations that are kept: the same numbers, each image once, whole or not at all."""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from silktune.core import predict, training
from silktune.core.activations import compute
from silktune.core.activations.compute import Room
from silktune.core.activations.key import Key
from silktune.core.activations.needed import needed, serving
from silktune.core.activations.store import ActivationStore
from silktune.core.inputs import Inputs, self_views
from silktune.core.trunk import Trunk
from silktune.data.dataset import Dataset
from silktune.data.prepare import prepare
from silktune.data.sample_data.collection import weave
from silktune.errors import SettingsError
from silktune.settings import Data, Experiment
from tests.core.trainings import runtime, small, timeless

CPU = torch.device("cpu")
TRUNKS = ("resnet18", "timm/tf_efficientnet_lite0", "timm/convnext_atto", "timm/vit_tiny_patch16_224")


class Heard:
    """A listener that keeps what it hears."""

    def __init__(self, interrupt_after: int = 10**9) -> None:
        self.notes: list[str] = []
        self.done: list[tuple[int, int]] = []
        self.interrupt_after = interrupt_after

    def computing(self, done: int, total: int) -> None:
        self.done.append((done, total))
        if len(self.done) == self.interrupt_after:
            raise KeyboardInterrupt

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)


@pytest.fixture(scope="module")
def woven(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """60 images of 32×32 pixels, of a store of this module's own."""
    folder = tmp_path_factory.mktemp("activations")
    return Dataset.open(prepare(weave(folder / "sample", 60, 0), None, Data(image_size=32), folder / "data", workers=1))


@pytest.fixture
def data(woven: Dataset) -> Iterator[Dataset]:
    """The same; what a test keeps is removed after it."""
    yield woven
    for store in (woven.store / "activations").glob("*"):
        ActivationStore(store, Key.of(small(), woven, 0)).remove()


def keep(
    keys: Mapping[Key, Experiment], data: Dataset, listener: Heard | None = None, gigabytes: float | None = None
) -> list[Key]:
    room = Room.of(data, gigabytes)
    return compute.compute(keys, data, CPU, room, listener or Heard(), verify=True)


def stores(experiment: Experiment, data: Dataset, others: Sequence[Experiment] = ()) -> list[ActivationStore]:
    """Those that a training reads in a study with some others."""
    keys = keep(needed([experiment, *others], data), data)
    return [ActivationStore.of(data.store, key) for key in serving(experiment, data, keys)]


def assert_equal_trainings(experiment: Experiment, data: Dataset, kept: Sequence[ActivationStore]) -> None:
    assert kept
    without, with_them = (
        training.fit(experiment, runtime(), data, lambda epoch: None, stores=some) for some in ((), kept)
    )
    for a, b in zip(without.outcome.epochs, with_them.outcome.epochs, strict=True):
        assert b.train_loss == pytest.approx(a.train_loss, rel=1e-5, abs=1e-6)
        assert b.validation_loss == pytest.approx(a.validation_loss, rel=1e-5, abs=1e-6)
        assert b.validation == a.validation
    said = [predict.predict(each.net, each.inputs, data.rows("test")).tolist() for each in (without, with_them)]
    assert said[0] == said[1]


class TestWithAndWithout:
    @pytest.mark.timeout(240)
    @pytest.mark.parametrize("trunk", TRUNKS)
    def test_a_training_has_the_same_losses_and_predictions(self, data: Dataset, trunk: str) -> None:
        weights = "pretrained" if "lite0" in trunk else "none"
        three = small(net__trunk=trunk, net__weights=weights, net__NB_RN=3, train__max_epochs=2)
        for NB_RN in (0, 1, 3):
            experiment = three.with_({"net.NB_RN": NB_RN})
            kept = stores(experiment, data, [three])
            assert [store.key.NB_RN for store in kept] == [0 if NB_RN == 0 else 3]
            assert_equal_trainings(experiment, data, kept)

    @pytest.mark.parametrize("NB_RN", [0, 1])
    def test_so_have_views_that_are_kept(self, data: Dataset, NB_RN: int) -> None:
        experiment = small(net__NB_RN=NB_RN, train__self_views=2)
        kept = stores(experiment, data)
        assert [store.key.view for store in kept] == [None, 0, 1]
        assert_equal_trainings(experiment, data, kept)

    def test_views_that_are_not_kept_are_computed(self, data: Dataset) -> None:
        experiment = small(net__NB_RN=0, train__self_views=2)
        assert_equal_trainings(experiment, data, stores(experiment, data)[:1])

    def test_so_have_those_in_bfloat16_which_take_half_the_room(self, data: Dataset) -> None:
        full = small(net__NB_RN=1, loss__alpha_slf=0)
        half = full.with_({"train.precision": "bfloat16"})
        (wide,), (narrow,) = stores(full, data), stores(half, data)
        assert narrow.values_file.stat().st_size * 2 == wide.values_file.stat().st_size
        assert_equal_trainings(half, data, [narrow])
        first = [training.train(each, runtime(), data, lambda epoch: None).epochs[0] for each in (full, half)]
        assert first[1].train_loss["L"] == pytest.approx(first[0].train_loss["L"], rel=0.02)
        assert first[1].train_loss["L"] != first[0].train_loss["L"]

    def test_an_interrupted_training_goes_on_to_the_same_numbers(self, data: Dataset, tmp_path: Path) -> None:
        experiment = small(net__NB_RN=0)
        kept = stores(experiment, data)

        def stop(epoch: Any) -> None:
            if epoch.number == 2:
                raise KeyboardInterrupt

        undisturbed = training.fit(experiment, runtime(), data, lambda epoch: None, stores=kept)
        with pytest.raises(KeyboardInterrupt):
            training.fit(experiment, runtime(tmp_path), data, stop, stores=kept)
        gone_on = training.fit(experiment, runtime(tmp_path), data, lambda epoch: None, stores=kept)
        assert timeless(gone_on.outcome) == timeless(undisturbed.outcome)

    def test_the_trunk_is_not_even_built_where_its_features_are_kept(
        self, data: Dataset, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        experiment = small(net__NB_RN=0, loss__alpha_slf=0)
        kept = stores(experiment, data)
        monkeypatch.setattr(Trunk, "_parts", property(lambda trunk: pytest.fail("the trunk was built")))
        trained = training.fit(experiment, runtime(), data, lambda epoch: None, stores=kept)
        assert predict.evaluate(trained.net, trained.inputs, "test").mean_f1 >= 0


class TestSelfViews:
    def test_are_a_function_of_the_image_and_the_number(self, data: Dataset) -> None:
        first, second = data.contents[:2]
        alone, both = self_views([second], [1]), self_views([first, second], [0, 1])
        assert alone.angle.tolist() == both[1:].angle.tolist()
        assert self_views([second], [0]).angle.tolist() != alone.angle.tolist()

    def test_change_the_losses_but_not_without_self_similarity(self, data: Dataset) -> None:
        afresh, two = (small(train__self_views=V, train__max_epochs=1) for V in (0, 2))
        losses = [
            training.train(each, runtime(), data, lambda epoch: None).epochs[0].train_loss for each in (afresh, two)
        ]
        assert losses[0]["slf"] != losses[1]["slf"]
        without = {"loss.alpha_slf": 0.0}
        assert two.with_(without).effective() == afresh.with_(without).effective()


class TestWhichAreNeeded:
    def test_the_deepest_cut_and_the_pooled_features(self, data: Dataset) -> None:
        experiments = [small(net__NB_RN=NB_RN) for NB_RN in (0, 1, 3, 8)]
        assert [key.NB_RN for key in needed(experiments, data)] == [3, 0]

    def test_none_where_all_blocks_are_trained(self, data: Dataset) -> None:
        assert needed([small(net__NB_RN=8)], data) == {}

    def test_random_weights_of_another_seed_are_others_and_trained_ones_are_not(self, data: Dataset) -> None:
        def count(weights: str) -> int:
            return len(needed([small(net__NB_RN=0, net__weights=weights, train__seed=seed) for seed in (0, 1)], data))

        assert (count("none"), count("IMAGENET1K_V1")) == (2, 1)

    def test_random_weights_that_measure_on_other_images_are_others(self, data: Dataset) -> None:
        def count(weights: str) -> int:
            views = ({}, {"data__background": "unknown"}, {"data__variables": "place"})
            return len(needed([small(net__NB_RN=0, net__weights=weights, **view) for view in views], data))

        assert (count("none"), count("IMAGENET1K_V1")) == (3, 1)

    def test_settings_that_do_not_touch_the_trunk_share_them(self, data: Dataset) -> None:
        others = [small(loss__gamma=gamma, train__learning_rate=1e-2, net__NN_jfc=(8,)) for gamma in (0, 2)]
        assert len(needed([small(), *others], data)) == 1

    def test_a_training_reads_the_nearest_cut(self, data: Dataset) -> None:
        keys = needed([small(net__NB_RN=NB_RN) for NB_RN in (0, 3)], data)
        assert [[key.NB_RN for key in serving(small(net__NB_RN=n), data, keys)] for n in (0, 2, 3, 4)] == [
            [0], [3], [3], [],
        ]  # fmt: skip


class TestEachImageOnce:
    def test_what_is_there_is_not_computed_again(self, data: Dataset) -> None:
        keys, heard = needed([small()], data), Heard()
        keep(keys, data)
        assert keep(keys, data, heard) == list(keys)
        assert heard.done == []

    def test_a_changed_label_costs_nothing_and_new_images_only_themselves(self, tmp_path: Path) -> None:
        table = weave(tmp_path / "sample", 60, 0)

        def images(lines: list[str]) -> list[tuple[int, int]]:
            table.write_text("".join(lines), encoding="utf-8")
            opened = Dataset.open(prepare(table, None, Data(image_size=32), tmp_path / "data", workers=1))
            heard, trained = Heard(), small(net__weights="pretrained", net__trunk="timm/tf_efficientnet_lite0")
            keep(needed([trained], opened), opened, heard)
            return heard.done

        lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
        known = next(cell for cell in lines[1].strip().split(",")[2:] if cell)
        assert images(lines[:-2]) == [(58, 58)]
        assert images([*lines[:1], *(line.replace(known, f"{known}!") for line in lines[1:-2])]) == []
        assert images(lines) == [(2, 2)]

    def test_an_interrupted_computing_goes_on(self, data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(compute, "IMAGES_AT_ONCE", 16)
        keys, again = needed([small(net__NB_RN=0)], data), Heard()
        with pytest.raises(KeyboardInterrupt):
            keep(keys, data, Heard(interrupt_after=2))
        keep(keys, data, again)
        assert again.done[-1] == (28, 28)
        experiment = small(net__NB_RN=0)
        assert_equal_trainings(experiment, data, stores(experiment, data))

    def test_of_two_processes_one_computes_and_the_other_waits(self, data: Dataset) -> None:
        context = multiprocessing.get_context("spawn")
        answers = context.Queue()
        both = [context.Process(target=_computes, args=(data, answers)) for _ in range(2)]
        for process in both:
            process.start()
        computed = sorted(answers.get(timeout=100) for _ in both)
        for process in both:
            process.join(10)
        assert computed == [0, 60]
        experiment = small(net__NB_RN=0)
        assert_equal_trainings(experiment, data, stores(experiment, data))


def _computes(data: Dataset, answers: Any) -> None:
    heard = Heard()
    keep(needed([small(net__NB_RN=0)], data), data, heard)
    answers.put(heard.done[-1][0] if heard.done else 0)


def _cut_off(store: ActivationStore) -> None:
    store.values_file.write_bytes(store.values_file.read_bytes()[:-10])


def _cut_off_checks(store: ActivationStore) -> None:
    store.checks_file.write_bytes(store.checks_file.read_bytes()[:-30])


def _flip(store: ActivationStore) -> None:
    content = bytearray(store.values_file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    store.values_file.write_bytes(content)


def _overwrite_about(store: ActivationStore) -> None:
    (store.folder / "activations.json").write_text("[]", encoding="utf-8")


class TestDamage:
    @pytest.mark.parametrize(
        ("damage", "computed"), [(_cut_off, 1), (_cut_off_checks, 2), (_flip, 1), (_overwrite_about, 60)]
    )
    def test_is_computed_anew(self, data: Dataset, damage: Callable[[ActivationStore], None], computed: int) -> None:
        experiment, heard = small(net__NB_RN=0), Heard()
        (store,) = stores(experiment, data)
        damage(store)
        keys = needed([experiment], data)
        assert keep(keys, data, heard) == list(keys)
        assert heard.done == [(computed, computed)]
        assert_equal_trainings(experiment, data, [ActivationStore.of(data.store, store.key)])

    def test_that_only_a_checksum_shows_is_said(self, data: Dataset) -> None:
        (store,) = stores(small(net__NB_RN=0), data)
        _flip(store)
        heard = Heard()
        keep(needed([small(net__NB_RN=0)], data), data, heard)
        assert heard.notes == [f"{store.folder}: 1 activations are damaged, and computed anew."]

    def test_of_another_image_a_row_is_never_read(self, data: Dataset) -> None:
        (store,) = stores(small(net__NB_RN=0), data)
        other = replace(data)
        vars(other)["contents"] = [bytes(16), *data.contents[1:]]
        assert store.lacks(other.contents) == [0]

    def test_other_weights_have_another_store(self, data: Dataset, tmp_path: Path) -> None:
        def key(seed: int) -> Key:
            torch.manual_seed(seed)
            torch.save({"weight": torch.rand(3)}, tmp_path / "weights.pth")
            return Key.of(small(net__weights=str(tmp_path / "weights.pth")), data, 0)

        with torch.random.fork_rng():
            assert key(0).digest == key(0).digest != key(1).digest


class TestRoom:
    def test_that_is_too_small_is_a_sentence_and_nothing_is_kept(self, data: Dataset) -> None:
        heard, experiment = Heard(), small(net__NB_RN=0)
        assert keep(needed([experiment], data), data, heard, gigabytes=1e-6) == []
        assert heard.notes == [
            "Activations of resnet18 behind its pooling, of 60 images, need 122.9 kB, but 1.0 kB may be taken. Trials "
            "compute them in every epoch: make room, or allow more with --cache-gb."
        ]
        assert stores(experiment, data)

    def test_on_a_full_disk_is_given_back(self, data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(compute, "IMAGES_AT_ONCE", 16)
        heard, keys = Heard(), needed([small(net__NB_RN=0)], data)
        with files_of_at_most(50_000):
            assert keep(keys, data, heard) == []
        store = ActivationStore.of(data.store, *keys)
        assert heard.done == [(16, 60)]
        assert heard.notes == [
            f"{store.folder}: the disk is full, so no activations are kept there. Trials compute them in every epoch."
        ]
        assert not store.values_file.exists()
        assert keep(keys, data) == list(keys)

    def test_where_nothing_can_be_written_is_a_sentence(self, data: Dataset) -> None:
        heard, folder = Heard(), data.store / "activations"
        if folder.exists():
            folder.rmdir()
        folder.write_text("in the way", encoding="utf-8")
        try:
            assert keep(needed([small(net__NB_RN=0)], data), data, heard) == []
        finally:
            folder.unlink()
        (note,) = heard.notes
        assert "this cannot be written" in note
        assert note.endswith("so no activations are kept there. Trials compute them in every epoch.")


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """What a full disk does to whoever writes: an error of the system."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_trunk_with_fewer_blocks_is_a_sentence(data: Dataset) -> None:
    trunk = "timm/convnext_atto"
    with pytest.raises(SettingsError, match="blocks"):
        keep(needed([small(net__trunk=trunk, net__NB_RN=99)], data), data)


def test_inputs_of_a_store_are_what_the_prefix_makes(data: Dataset) -> None:
    experiment = small(net__NB_RN=2)
    trunk = Trunk(experiment, data, CPU)
    kept, rows = Inputs.of(trunk, stores(experiment, data)), np.array([5, 3, 5])
    assert kept.stored is not None
    images = torch.from_numpy(data.images[rows]).permute(0, 3, 1, 2).float() / 255
    torch.testing.assert_close(kept.rest(kept.stored[rows]), trunk.prefix(images), rtol=1e-4, atol=1e-5)
