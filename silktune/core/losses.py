"""The loss of P23 §3.2, Eq. 1–8; that of P22 is the same with M = 1, γ = 0 and without the self-similarity.

N images of the global mini-batch: i is the anchor, p its positive, n its negative, o any other image
M variables, K_m classes of variable m; label −1 is unknown, a background label is K_m
D length of the descriptor f, a unit vector; Δ_io = ‖f_i − f_o‖, Euclidean and not squared
y_im softmax of the true class; Y, u, ρ are those of `similarity`

Every loss is a scalar with a graph, also where there is nothing to sum: then it is 0 and so is its gradient.
Half precision is computed in float32.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from silktune.core import triplets
from silktune.core.loss_balancing import TaskWeights, balance

# Below this distance Δ² is lost in the rounding errors of a Gram matrix in float64, some 1e-16.
NEAR = 1e-4


def combine(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """The loss L = λ_C·L_C + λ_aux·(α_sem·L_sem + α_co·L_co + α_slf·L_slf), and any further term.

    Paper: P23 Eq. (1) and (5), P22 Eq. (2).
    Differs: nothing.

    Args:
        terms: the losses by name; one whose weight is 0 may be absent.
        weights: λ_C and the λ_aux·α by name, as `settings.Loss.weights` has them.

    Raises:
        KeyError: a term with a weight is absent.
        ValueError: every weight is 0.
    """
    weighted = [weight * terms[term] for term, weight in weights.items() if weight]
    if not weighted:
        raise ValueError("every weight of the loss is 0: nothing to train")
    return torch.stack(weighted).sum()


def classification(
    logits: Sequence[Tensor],
    labels: Tensor,
    *,
    gamma: float,
    adjustment: Sequence[Tensor] | None = None,
    class_weights: Sequence[Tensor] | None = None,
    task_weights: TaskWeights = "labels",
) -> Tensor:
    """The focal loss L_C = −(1/N_M) Σ_i Σ_m (1 − y_im)^γ ln y_im over the N_M labels that are known.

    Paper: P23 Eq. (2), (3), (4); P22's softmax cross-entropy is γ = 0.
    Differs: nothing. (The released code also weights classes by 1/frequency and divides by N instead of N_M.) What
        `loss_balancing` offers beside it is off by default.

    Args:
        logits: M tensors (N, K_m), or (N, K_m + 1) for a variable with background.
        labels: (N, M) int64, −1 is unknown.
        gamma: γ ≥ 0. The focal weight is part of the graph: gradient flows through it.
        adjustment: M tensors of the logits' widths that are added to them inside the softmax; None adds nothing.
        class_weights: M tensors of the logits' widths, the weight of each class's summands; None weighs all alike.
        task_weights: how the variables share L_C (`loss_balancing.balance`).
    """
    totals, counts = per_variable(logits, labels, gamma=gamma, adjustment=adjustment, class_weights=class_weights)
    return balance(totals, counts, task_weights)


def per_variable(
    logits: Sequence[Tensor],
    labels: Tensor,
    *,
    gamma: float,
    adjustment: Sequence[Tensor] | None,
    class_weights: Sequence[Tensor] | None,
) -> tuple[Tensor, Tensor]:
    """The sums of `classification` before they are divided: (M,) totals, and (M,) how many labels each is over."""
    known, of_class = labels >= 0, labels.clamp(min=0)
    adjusted = logits if adjustment is None else [a + more for a, more in zip(logits, adjustment, strict=True)]
    ln = [_at_least_float32(a).log_softmax(1).gather(1, of_class[:, m, None]) for m, a in enumerate(adjusted)]
    ln_y = torch.cat(ln, dim=1)  # (N, M): from here on all variables at once
    # 1 − y at full precision; kept off 0, where the gradient of a power γ < 1 is infinite (that of the loss
    # is 0)
    wrong = (-torch.expm1(ln_y)).clamp(min=torch.finfo(ln_y.dtype).tiny)
    losses = -(wrong**gamma) * ln_y
    if class_weights is not None:
        losses = torch.stack([w[of_class[:, m]] for m, w in enumerate(class_weights)], dim=1) * losses
    return torch.where(known, losses, 0.0).sum(0), known.sum(0)


def semantic(f: Tensor, Y: Tensor, u: Tensor) -> Tensor:
    """The triplet loss L_sem: the mean of max(M_ipn + Δ_ip − Δ_in, 0) over all valid triplets of the batch.

    A triplet of three different images is valid when its margin M_ipn = Y^ip − (Y^in + u^in) is positive.

    Paper: P23 Eq. (6), P22 Eq. (3).
    Differs: nothing. (The released code divides by the number of triplets whose loss is positive.)

    With s_ip = Y^ip + Δ_ip and t_in = Y^in + u^in + Δ_in, every summand is max(s_ip − t_in, 0): it is linear
    in s and t where it is active. So it is enough to count, without a graph, in how many active triplets each
    s_ip and each t_in stands (`triplets`); value and gradient are those of the sum over all triplets.

    Args:
        f: (N, D) unit rows.
        Y: (N, N) semantic similarity, multiples of 1/M.
        u: (N, N) share of the variables that cannot be compared, multiples of 1/M.
    """
    return semantic_counted(f, Y, u)[0]


def semantic_counted(f: Tensor, Y: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """`semantic`, and how many valid triplets each anchor has, (N,) int64."""
    delta = _distances(f)
    Y, u = Y.to(delta), u.to(delta)
    with torch.no_grad():
        negative = Y + u
        with_p, with_n, valid = triplets.count(Y + delta, negative + delta, Y, negative)
        margins = (with_p * Y - with_n * negative).sum()
        times = (with_p - with_n).to(delta)
    return ((times * delta).sum() + margins) / valid.sum().clamp(min=1), valid


def colour(f: Tensor, rho: Tensor) -> Tensor:
    """The colour loss L_co: the mean of |Δ_io − (1 − ρ_io)| over all pairs of different images.

    Paper: P23 Eq. (7), P22 Eq. (4).
    Differs: nothing.

    Args:
        f: (N, D) unit rows.
        rho: (N, N) correlations of the colour descriptors.
    """
    N = len(f)
    off = (_distances(f) - (1 - rho.to(_at_least_float32(f)))).abs()
    return (off.sum() - off.diagonal().sum()) / max(1, N * (N - 1))


def self_similarity(f: Tensor, f_augmented: Tensor) -> Tensor:
    """The self-similarity loss L_slf: the mean of ‖f(x_i) − f(x_i′)‖, x_i′ an augmentation of x_i.

    Paper: P23 Eq. (8).
    Differs: nothing.

    Args:
        f: (N, D) unit rows.
        f_augmented: (N, D) unit rows, of the augmented images.
    """
    difference = _at_least_float32(f) - _at_least_float32(f_augmented)
    distances: Tensor = torch.linalg.vector_norm(difference, dim=1)
    return distances.mean()


def _distances(f: Tensor) -> Tensor:
    """Δ: (N, N) Euclidean distances of unit rows, exactly 0 for equal rows, where the gradient is 0 too.

    Δ² = ‖f_i‖² + ‖f_o‖² − 2 f_i·f_o in float64, several times as fast as differences and nearer to the truth than
    these are in float32. Rows that are nearly equal need the differences: where there are some, both are computed.
    """
    f = _at_least_float32(f)
    if f.device.type != "cpu":  # to look for near rows would wait for the device, and not every one has float64
        return _by_differences(f)
    wide = f.double()
    squares = wide.square().sum(1)
    products = torch.addmm(squares[:, None] + squares, wide, wide.T, alpha=-2).to(f.dtype)
    itself = torch.eye(len(f), dtype=f.dtype)
    products = products.fill_diagonal_(1)  # where a square root has a gradient; it is taken away again
    near = products.detach() < NEAR**2
    if not near.any():
        return products.sqrt() - itself
    return torch.where(near, _by_differences(f), products.masked_fill(near, 1).sqrt() - itself)


def _by_differences(f: Tensor) -> Tensor:
    delta: Tensor = torch.cdist(f, f, compute_mode="donot_use_mm_for_euclid_dist")
    return delta


def _at_least_float32(x: Tensor) -> Tensor:
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
