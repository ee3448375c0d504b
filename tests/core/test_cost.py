"""The probe: near what a training costs, measured once for all that cost the same, and without a trace."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
import torch

from silktune.core import checkpoint, cost, training_loop
from silktune.core.cost import Pace
from silktune.data.dataset import Dataset
from silktune.errors import SettingsError
from tests.core.trainings import runtime, small, train

DEAR = {"data__variables": (), "loss__alpha_slf": 0.5, "train__max_epochs": 6, "train__patience": 6}


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many times a step and the loss terms of a batch were computed; a step computes the terms too."""
    counted = {"step": 0, "terms": 0}

    class Counting(training_loop.Training):
        def step(self, *args: Any) -> Any:
            counted["step"] += 1
            return super().step(*args)

        def terms(self, *args: Any) -> Any:
            counted["terms"] += 1
            return super().terms(*args)

    monkeypatch.setattr(cost, "Training", Counting)
    return counted


@pytest.mark.parametrize("changes", [{}, {"train__batch_size": 300, "loss__alpha_slf": 0.0}])
def test_the_estimate_is_near_an_epoch(woven: Dataset, changes: dict[str, Any]) -> None:
    experiment = small(**DEAR | changes)
    took = median(epoch.seconds for epoch in train(experiment, woven).epochs)
    estimated = cost.measure(experiment, runtime(), woven).epoch(experiment, woven)
    assert took / 3 < estimated < took * 3


def test_of_every_part_something_is_said(woven: Dataset) -> None:
    pace = cost.measure(small(), runtime(), woven)
    assert min(pace.start, pace.train, pace.validation) > 0


@pytest.mark.parametrize("view", [{"loss__alpha_slf": 0}, {"train__self_views": 2}])
def test_what_is_kept_is_counted_once_and_not_in_an_epoch(woven: Dataset, view: dict[str, Any]) -> None:
    frozen = small(**DEAR | {"net__NB_RN": 0} | view)
    kept, computed = (cost.measure(frozen, runtime(), woven, kept=kept) for kept in (True, False))
    assert kept.train < computed.train / 2
    assert kept.frozen > 0 == computed.frozen


@pytest.mark.parametrize("limit", [0.0, 1000.0])
def test_the_limit_ends_it_but_not_before_a_step_and_a_validation_batch(
    tiny: Dataset, steps: dict[str, int], limit: float
) -> None:
    pace = cost.measure(small(), runtime(), tiny, limit=limit)
    assert pace.train > 0
    assert pace.validation > 0
    each = 1 if limit == 0 else cost.STEPS + 1
    assert steps == {"step": each, "terms": 2 * each}


def test_no_trace_is_left(tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    other = runtime(tmp_path / "training").model_copy(update={"threads": threads + 1})
    cost.measure(small(), other, tiny)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_is_neither_read_nor_written(tiny: Dataset, tmp_path: Path) -> None:
    (tmp_path / checkpoint.FILE).write_bytes(b"of another training")
    cost.measure(small(), runtime(tmp_path), tiny, limit=0)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"of another training"]


def test_of_a_training_that_fails_no_trace_is_left_either(tiny: Dataset) -> None:
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    other = runtime().model_copy(update={"threads": threads + 1})
    with pytest.raises(SettingsError, match="balanced sampling"):
        cost.measure(small(train__sampling="balanced"), other, tiny)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_an_epoch_counts_the_images_of_its_own_batches(woven: Dataset) -> None:
    pace, place = Pace(start=100.0, train=1.0, validation=0.001), small(data__variables=("place",))
    train, validation = len(woven.rows("train")), len(woven.rows("validation"))
    assert pace.epoch(small(), woven) == pytest.approx(train + validation / 1000)
    labelled = woven.select(["place"])
    assert len(labelled.rows("train")) < train
    expected = len(labelled.rows("train")) + len(labelled.rows("validation")) / 1000
    assert pace.epoch(place, woven) == pytest.approx(expected)


def test_an_epoch_of_balanced_batches_is_counted_as_the_loop_draws_them(woven: Dataset) -> None:
    experiment = small(data__variables=("place",), train__sampling="balanced", train__batch_size=2)
    drawn = training_loop.train_batches(experiment, woven.select(["place"]), 1)
    assert Pace(0.0, 1.0, 0.0).epoch(experiment, woven) == len(np.concatenate(drawn))


SAME = [
    {"train__seed": 5}, {"train__learning_rate": 0.1}, {"train__max_epochs": 1}, {"loss__gamma": 0.0},
    {"loss__alpha_sem": 0.1}, {"net__dropout": 0.0}, {"train__sampling": "balanced"},
]  # fmt: skip
OTHER = [
    {"net__trunk": "resnet34"}, {"net__NB_RN": 2}, {"net__NN_jfc": (32,)}, {"net__NN_tfc": ()},
    {"net__weights": "IMAGENET1K_V1"}, {"train__batch_size": 8}, {"loss__alpha_sem": 0.0}, {"loss__lambda_aux": 0.0},
    {"data__variables": ("place",)},
]  # fmt: skip


@pytest.mark.parametrize("changes", SAME)
def test_what_costs_the_same_is_of_one_kind(tiny: Dataset, changes: dict[str, Any]) -> None:
    assert cost.kind(small(**changes), tiny) == cost.kind(small(), tiny)


@pytest.mark.parametrize("changes", OTHER)
def test_what_costs_something_else_is_of_another_kind(tiny: Dataset, changes: dict[str, Any]) -> None:
    assert len({cost.kind(small(**changes), tiny), cost.kind(small(), tiny)}) == 2


def test_single_task_networks_of_different_variables_are_of_one_kind(tiny: Dataset) -> None:
    first, second = tiny.variables[:2]
    kinds = {cost.kind(small(data__variables=(variable.name,)), tiny) for variable in (first, second)}
    assert len(kinds) == 1
