"""The list of the loss's terms: which are computed, and how batches are averaged over an epoch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from silktune.core import losses
from silktune.core.terms import TERMS, Features, Terms, check_margin
from silktune.errors import SettingsError
from silktune.settings import Loss
from tests import reference

OUTPUTS = (3, 2)


def features(seed: int, N: int, known: list[list[int]] | None = None) -> Features:
    g = torch.Generator().manual_seed(seed)
    labels = torch.stack([torch.randint(-1, K, (N,), generator=g) for K in OUTPUTS], 1)
    f, other = (normalize(torch.randn(N, 4, generator=g), dim=1) for _ in range(2))
    logits = [torch.randn(N, K, generator=g) for K in OUTPUTS]
    return Features(logits, f, torch.tensor(known) if known else labels, torch.rand(N, 25, generator=g), lambda: other)


def terms(**loss: Any) -> Terms:
    return Terms(Loss(**loss), torch.tensor([-1, -1]), [torch.tensor([7, 2, 1]), torch.tensor([3, 3])])


def test_every_term_has_a_weight_among_the_settings_and_every_weight_a_term() -> None:
    assert list(TERMS) == list(Loss().weights)


@pytest.mark.parametrize("off", ["alpha_sem", "alpha_co", "alpha_slf"])
def test_a_term_without_weight_is_not_computed(off: str) -> None:
    assert terms(**{off: 0})(features(0, 6)).keys() == TERMS.keys() - {off.removeprefix("alpha_")}


def test_an_augmented_view_is_made_only_for_the_term_that_needs_it() -> None:
    def never() -> Tensor:
        raise AssertionError("nobody needs it")

    seen = features(0, 6)
    terms(alpha_slf=0)(Features(seen.logits, seen.f, seen.labels, seen.colour, never))


def test_the_classification_is_always_there_for_people_to_see() -> None:
    values = terms(lambda_C=0)(features(0, 6))
    assert values["C"].mean > 0
    assert "C" not in [name for name, weight in terms(lambda_C=0).loss.weights.items() if weight]


def test_the_whole_loss_has_a_graph_and_is_the_combination() -> None:
    made = terms(lambda_C=0.5, lambda_aux=0.25)
    values = made(features(1, 6))
    expected = losses.combine({name: value.mean for name, value in values.items()}, made.loss.weights)
    torch.testing.assert_close(made.combine(values), expected)


def test_an_epoch_says_what_share_of_its_images_and_triplets_the_clustering_by_labels_saw() -> None:
    made = terms()
    batches = [features(3, 5), features(4, 8)]
    sums = made.sums()
    anchors = triplets = 0
    for batch in batches:
        sums.add(made(batch))
        valid = reference.valid_triplets(batch.labels.tolist(), [-1, -1])
        anchors += len({i for i, *_ in valid})
        triplets += len(valid)
    assert 0 < anchors < 13
    assert sums.shares() == {"sem.anchors": anchors / 13, "sem.triplets": triplets / (5 * 4 * 3 + 8 * 7 * 6)}


def test_without_clustering_by_labels_there_is_no_such_share() -> None:
    made = terms(alpha_sem=0)
    sums = made.sums()
    sums.add(made(features(3, 5)))
    assert sums.shares() == {}


def test_a_margin_over_comparable_variables_is_for_no_more_than_can_be_told_apart() -> None:
    loss = Loss(sem_margin="comparable")
    check_margin(loss, 74)
    check_margin(Loss(sem_margin="comparable", alpha_sem=0), 75)
    with pytest.raises(SettingsError, match=r"at most 74 variables, and these are 75\. Take loss\.sem_margin=all"):
        check_margin(loss, 75)


@pytest.mark.parametrize("task_weights", ["labels", "equal"])
def test_an_epoch_of_one_batch_has_the_means_of_the_batch(task_weights: str) -> None:
    made = terms(task_weights=task_weights, tau=1.0, class_weights="effective")
    values, sums = made(features(2, 9)), made.sums()
    sums.add(values)
    means = sums.means()
    assert {name: means[name] for name in TERMS} == pytest.approx({n: v.mean.item() for n, v in values.items()})
    assert means["L"] == pytest.approx(made.combine(values).item())
    assert means["aux"] == pytest.approx(sum(0.5 * values[name].mean.item() for name in ("sem", "co", "slf")))


@pytest.mark.parametrize("task_weights", ["labels", "equal"])
def test_the_classification_of_an_epoch_is_that_of_its_batches_as_one(task_weights: str) -> None:
    made = terms(task_weights=task_weights, lambda_aux=0)
    first, second = features(3, 5), features(4, 8)
    together = Features(
        [torch.cat(pair) for pair in zip(first.logits, second.logits, strict=True)], torch.cat([first.f, second.f]),
        torch.cat([first.labels, second.labels]), torch.cat([first.colour, second.colour]), lambda: torch.empty(0),
    )  # fmt: skip
    sums = made.sums()
    for part in (first, second):
        sums.add(made(part))
    assert sums.means()["C"] == pytest.approx(made(together)["C"].mean.item())


def test_an_epoch_weighs_the_other_terms_by_images() -> None:
    made = terms(alpha_sem=0, alpha_co=0)
    first, second, sums = made(features(5, 2)), made(features(6, 6)), made.sums()
    for values in (first, second):
        sums.add(values)
    assert sums.means()["slf"] == pytest.approx((2 * first["slf"].mean + 6 * second["slf"].mean).item() / 8)
