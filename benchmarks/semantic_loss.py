"""A step of L_sem, beside the same with every triplet looked at: `python benchmarks/semantic_loss.py`."""

from __future__ import annotations

from time import perf_counter

import torch
from torch import Tensor

from silktune.core import losses, similarity

IMAGES, VARIABLES, D = (64, 300, 1024), (1, 5), 128
REPEATS = 3
TRIPLETS_AT_ONCE = 2**20  # a few MB, which stay in the cache of a CPU


def every_triplet(s: Tensor, t: Tensor, positive: Tensor, negative: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What `losses._count_triplets` counts, N³ in time, some anchors at once."""
    N = len(s)
    itself = torch.eye(N, dtype=torch.bool)
    positive = positive.masked_fill(itself, -torch.inf)
    negative = negative.masked_fill(itself, torch.inf) + losses.SMALLEST_MARGIN
    with_p, with_n, n_valid = torch.empty_like(s), torch.empty_like(s), torch.zeros((), dtype=torch.int64)
    anchors = max(1, TRIPLETS_AT_ONCE // (N * N))
    for first in range(0, N, anchors):
        i = slice(first, first + anchors)
        valid = positive[i, :, None] > negative[i, None, :]
        n_valid += valid.sum()
        active = valid & (s[i, :, None] > t[i, None, :])
        with_p[i], with_n[i] = active.sum(2), active.sum(1)
    return with_p, with_n, n_valid


def seconds(f: Tensor, Y: Tensor, u: Tensor) -> tuple[float, float]:
    """The fastest of a few steps, and the loss."""
    times = []
    for _ in range(REPEATS):
        start = perf_counter()
        loss = losses.semantic(f, Y, u)
        loss.backward()  # type: ignore[no-untyped-call]
        times.append(perf_counter() - start)
    return min(times), loss.item()


def main() -> None:
    by_sorting = losses._count_triplets
    print("images  variables  by sorting  every triplet  ratio")
    for N in IMAGES:
        for M in VARIABLES:
            chance = torch.Generator().manual_seed(0)
            f = torch.nn.functional.normalize(torch.randn(N, D, generator=chance), dim=1).requires_grad_()
            labels = torch.randint(-1, 5, (N, M), generator=chance)
            Y, u = similarity.semantic(labels, torch.full((M,), -1))
            fast, loss = seconds(f, Y, u)
            losses._count_triplets = every_triplet
            slow, same = seconds(f, Y, u)
            losses._count_triplets = by_sorting
            assert loss == same
            print(f"{N:6d}  {M:9d}  {1000 * fast:7.1f} ms  {1000 * slow:10.1f} ms  {slow / fast:5.1f}")


if __name__ == "__main__":
    main()
