"""L_sem (P23 Eq. 6) by counting active triplets, against all N³ triplets as tensors under autograd.

Forward and backward on one CPU core; prints the medians over rounds that take turns, and their ratio.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import normalize

from silktune.core import losses, similarity


def all_triplets(f: Tensor, Y: Tensor, u: Tensor) -> Tensor:
    """The equation as it is printed: a tensor (N, N, N) of margins and one of losses."""
    delta = torch.cdist(f, f, compute_mode="donot_use_mm_for_euclid_dist")
    margin = Y[:, :, None] - (Y + u)[:, None, :]
    N = len(f)
    i = torch.arange(N)
    distinct = (i[:, None, None] != i[None, :, None]) & (i[:, None, None] != i[None, None, :])
    valid = (margin > losses.SMALLEST_MARGIN) & distinct
    loss = (margin + delta[:, :, None] - delta[:, None, :]).clamp(min=0)
    return torch.where(valid, loss, 0.0).sum() / valid.sum().clamp(min=1)


def seconds(loss: Callable[[Tensor, Tensor, Tensor], Tensor], f: Tensor, Y: Tensor, u: Tensor) -> float:
    start = time.perf_counter()
    loss(f, Y, u).backward()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128, 300])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for N in arguments.sizes:
        f = normalize(torch.randn(N, 1024), dim=1).requires_grad_()
        Y, u = similarity.semantic(torch.randint(-1, 6, (N, 5)), torch.full((5,), -1))
        difference = (losses.semantic(f, Y, u) - all_triplets(f, Y, u)).item()
        times = [(seconds(losses.semantic, f, Y, u), seconds(all_triplets, f, Y, u)) for _ in range(arguments.rounds)]
        ours, theirs = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"N = {N}: {ours:.3f} s against {theirs:.3f} s, ratio {theirs / ours:.1f}; difference {difference:.1e}")


if __name__ == "__main__":
    main()
