"""The terms of the loss: one list, and nobody else names them.

A new term is a function of `Features` here, an entry in TERMS, and a setting `loss.alpha_<name>` that weighs it; its
equation stands in `losses`, and once more in tests/reference.py.

N images of the global mini-batch, M variables, D length of the descriptors
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor

from silktune.core import loss_balancing, losses, similarity
from silktune.errors import SettingsError
from silktune.settings import Loss


@dataclass(frozen=True)
class Features:
    """What a network made of a global batch, and what is known of its images."""

    logits: Sequence[Tensor]  # M tensors (N, K_m)
    f: Tensor  # (N, D) unit vectors
    labels: Tensor  # (N, M) int64, −1 unknown
    colour: Tensor  # (N, 25) colour descriptors
    augmented: Callable[[], Tensor]  # (N, D) unit vectors of the augmented images, made by the term that needs them


@dataclass(frozen=True)
class Value:
    """A term on one batch."""

    mean: Tensor  # scalar, with its graph
    totals: Tensor  # (G,) the sums that it is the mean of, without graph
    counts: Tensor  # (G,) over how many labels or images each sum is
    shares: Mapping[str, tuple[Tensor, Tensor]] = field(default_factory=dict)  # name → (part, whole) of its images


def check_margin(loss: Loss, M: int) -> None:
    """Whether triplets of so many variables can be told apart.

    Raises:
        SettingsError: they cannot.
    """
    if loss.sem_margin == "comparable" and loss.weights["sem"] and M > similarity.MOST_COMPARABLE:
        raise SettingsError(
            f"loss.sem_margin=comparable is for at most {similarity.MOST_COMPARABLE} variables, and these are {M}. "
            "Take loss.sem_margin=all, or fewer with data.variables=…"
        )


class Terms:
    """The terms that a training computes: L_C always, the others where they have a weight.

    `Sums` averages them over the batches of an epoch as if these were one batch.
    """

    def __init__(self, loss: Loss, background: Tensor, counts: Sequence[Tensor]) -> None:
        """Terms with these weights.

        Args:
            loss: the settings.
            background: (M,) the label id of background, −1 where a variable has none.
            counts: M tensors (K_m,) of training images per class.

        Raises:
            SettingsError: too many variables for `loss.sem_margin=comparable`.
        """
        check_margin(loss, len(background))
        self.loss, self.background = loss, background
        self.adjustment = loss_balancing.logit_adjustment(counts, loss.tau) if loss.tau else None
        self.class_weights = (
            loss_balancing.effective_weights(counts, loss.beta) if loss.class_weights == "effective" else None
        )

    def __call__(self, features: Features) -> dict[str, Value]:
        """Every term that is computed, by name."""
        return {name: term(self, features) for name, term in TERMS.items() if name == "C" or self.loss.weights[name]}

    def combine(self, values: Mapping[str, Value]) -> Tensor:
        """L of one batch, with its graph."""
        return losses.combine({name: value.mean for name, value in values.items()}, self.loss.weights)

    def sums(self) -> Sums:
        """Sums over the batches of an epoch, empty yet."""
        return Sums(self.loss)


class Sums:
    """The terms over the batches of an epoch, summed on the device."""

    def __init__(self, loss: Loss) -> None:
        self.loss = loss
        self.totals: dict[str, Tensor] = {}
        self.counts: dict[str, Tensor] = {}
        self._shares: dict[str, tuple[Tensor, Tensor]] = {}

    def add(self, values: Mapping[str, Value]) -> None:
        for name, value in values.items():
            self.totals[name] = self.totals.get(name, 0) + value.totals.double()
            self.counts[name] = self.counts.get(name, 0) + value.counts
            for share, parts in value.shares.items():
                sums = self._shares.get(f"{name}.{share}", (0, 0))
                self._shares[f"{name}.{share}"] = sums[0] + parts[0], sums[1] + parts[1]

    def shares(self) -> dict[str, float]:
        """What share of its images and triplets a term could use: `sem.anchors`, `sem.triplets`."""
        return {name: float(part) / max(float(whole), 1) for name, (part, whole) in self._shares.items()}

    def means(self) -> dict[str, float]:
        """Every term, L_aux and the whole loss L, which is linear in its terms."""
        terms = {
            name: loss_balancing.balance(total, self.counts[name], self.loss.task_weights)
            for name, total in self.totals.items()
        }
        L = losses.combine(terms, self.loss.weights)
        aux = sum(alpha * terms[name] for name, alpha in self.loss.alphas.items() if name in terms)
        return {"L": float(L), "aux": float(aux), **{name: float(value) for name, value in terms.items()}}


def cross_entropy(logits: Sequence[Tensor], labels: Tensor) -> Value:
    """The mean of −ln y_im over all labels that are known: L_C with γ = 0, nothing added to the logits, no weights.

    It says the same of networks that were trained with different losses.

    Args:
        logits: M tensors (N, K_m), as predictions are made from them.
        labels: (N, M) int64, −1 unknown.
    """
    totals, counts = losses.per_variable(logits, labels, gamma=0.0, adjustment=None, class_weights=None)
    total, count = totals.detach().double().sum(0, keepdim=True), counts.sum(0, keepdim=True)
    return Value(total[0] / count[0].clamp(min=1), total, count)


def _classification(terms: Terms, features: Features) -> Value:
    totals, counts = losses.per_variable(
        features.logits, features.labels,
        gamma=terms.loss.gamma, adjustment=terms.adjustment, class_weights=terms.class_weights,
    )  # fmt: skip
    return Value(loss_balancing.balance(totals, counts, terms.loss.task_weights), totals.detach(), counts)


def _semantic(terms: Terms, features: Features) -> Value:
    pairs = similarity.semantic(features.labels, terms.background, margin=terms.loss.sem_margin)
    loss, valid = losses.semantic_counted(features.f, *pairs)
    N = valid.new_tensor(len(valid))
    shares = {"anchors": ((valid > 0).sum(), N), "triplets": (valid.sum(), N * (N - 1) * (N - 2))}
    return replace(_over_images(loss, features), shares=shares)


def _colour(terms: Terms, features: Features) -> Value:
    return _over_images(losses.colour(features.f, similarity.colour(features.colour)), features)


def _self_similarity(terms: Terms, features: Features) -> Value:
    return _over_images(losses.self_similarity(features.f, features.augmented()), features)


def _over_images(loss: Tensor, features: Features) -> Value:
    """A term whose epoch counts every batch by its images."""
    N = features.labels.new_tensor([len(features.labels)])
    return Value(loss, loss.detach().double() * N, N)


TERMS: Mapping[str, Callable[[Terms, Features], Value]] = {
    "C": _classification,
    "sem": _semantic,
    "co": _colour,
    "slf": _self_similarity,
}
