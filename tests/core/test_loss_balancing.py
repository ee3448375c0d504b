"""Logit adjustment, class weights and task weights, against plain loops and at limits computed by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from silktune.core import loss_balancing, losses
from tests import reference

COUNTS = [torch.tensor([90, 9, 1]), torch.tensor([5, 5]), torch.tensor([40, 30, 20, 10])]
seeds = st.integers(0, 2**32 - 1)


def batch(seed: int, N: int) -> tuple[list[Tensor], Tensor]:
    """Logits and labels with gaps of N images."""
    g = torch.Generator().manual_seed(seed)
    logits = [3 * torch.randn(N, len(n), generator=g, dtype=torch.float64) for n in COUNTS]
    labels = torch.stack([torch.randint(-1, len(n), (N,), generator=g) for n in COUNTS], 1)
    return logits, labels


def shares() -> list[list[float]]:
    return [(n / n.sum()).tolist() for n in COUNTS]


@given(seeds, st.integers(1, 8), st.sampled_from([0.0, 2.0]), st.sampled_from([0.5, 1.0, 2.0]), st.booleans())
def test_the_loss_is_the_reference(seed: int, N: int, gamma: float, tau: float, equal: bool) -> None:
    logits, labels = batch(seed, N)
    loss = losses.classification(
        logits, labels, gamma=gamma, adjustment=loss_balancing.logit_adjustment(COUNTS, tau),
        class_weights=loss_balancing.effective_weights(COUNTS, 0.9), task_weights="equal" if equal else "labels",
    )  # fmt: skip
    expected = reference.classification_loss(
        [a.tolist() for a in logits], labels.tolist(), gamma, shares(), tau,
        [reference.effective_weights(n.tolist(), 0.9) for n in COUNTS], equal,
    )  # fmt: skip
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_with_tau_1_a_network_that_knows_nothing_but_the_shares_names_all_classes_alike() -> None:
    adjusted = torch.zeros(3) + loss_balancing.logit_adjustment(COUNTS[:1], 1.0)[0]
    torch.testing.assert_close(adjusted.softmax(0), torch.tensor([0.9, 0.09, 0.01]))


def test_a_class_that_the_training_set_lacks_counts_as_one_image() -> None:
    lacking, one = torch.tensor([9, 0]), torch.tensor([9, 1])
    for fair in (
        lambda n: loss_balancing.logit_adjustment([n], 1.0)[0],
        lambda n: loss_balancing.effective_weights([n], 0.99)[0],
    ):
        torch.testing.assert_close(fair(lacking), fair(one))


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.999])
def test_class_weights_are_the_reference_and_have_the_mean_1(beta: float) -> None:
    for n, weights in zip(COUNTS, loss_balancing.effective_weights(COUNTS, beta), strict=True):
        assert weights.tolist() == pytest.approx(reference.effective_weights(n.tolist(), beta), rel=1e-5)
        assert weights.mean().item() == pytest.approx(1)


def test_beta_0_weighs_all_classes_alike_and_near_1_by_the_inverse_of_their_images() -> None:
    assert loss_balancing.effective_weights(COUNTS, 0.0)[0].tolist() == [1, 1, 1]
    near_1 = loss_balancing.effective_weights(COUNTS, 1 - 1e-9)[0]
    assert (near_1[2] / near_1[0]).item() == pytest.approx(90, rel=1e-3)


def test_task_weights() -> None:
    totals, counts = torch.tensor([6.0, 0.0, 1.0]), torch.tensor([3, 0, 1])
    assert loss_balancing.balance(totals, counts, "labels").item() == pytest.approx(7 / 4)
    assert loss_balancing.balance(totals, counts, "equal").item() == pytest.approx((6 / 3 + 1) / 2)
    nothing = torch.zeros(3)
    for weights in ("labels", "equal"):
        assert loss_balancing.balance(nothing, nothing.long(), weights) == 0


def test_a_batch_without_labels_has_a_gradient_of_0_whatever_balances_it() -> None:
    logits = [torch.randn(3, len(n), requires_grad=True) for n in COUNTS]
    loss = losses.classification(
        logits, torch.full((3, 3), -1), gamma=2.0, adjustment=loss_balancing.logit_adjustment(COUNTS, 1.0),
        class_weights=loss_balancing.effective_weights(COUNTS, 0.9), task_weights="equal",
    )  # fmt: skip
    loss.backward()  # type: ignore[no-untyped-call]
    assert math.isclose(loss.item(), 0)
    assert all(a.grad is not None and not a.grad.any() for a in logits)


def test_counts_per_output() -> None:
    labels = torch.tensor([[0, -1], [0, 1], [2, 1], [-1, -1]])
    assert [n.tolist() for n in loss_balancing.counts_per_output(labels, [4, 2])] == [[2, 0, 1, 0], [0, 2]]
