"""One training step behind a cached trunk, by part: heads, each term of the loss, Adam; and L_sem for larger batches.

CPU time of one thread. The heads are a joint fc (1024, 128) on 1,280 features and five variables of six classes with
gaps in their labels; of L_slf the second forward pass is not counted. L_sem is compared with all N³ triplets as tensors
under autograd, where these fit in memory.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from benchmarks.cpu_time import milliseconds, show, write
from silktune.core import losses, similarity
from silktune.core.silknet import SilkNet
from silktune.core.terms import TERMS, Features, Terms
from silktune.core.training_loop import ADAM
from silktune.settings import Loss, Net

F, M, K, D = 1280, 5, 6, 128
AUXILIARY = ("sem", "co", "slf")
CUBIC = 300  # the largest batch of which all triplets are written out


class Pooled(nn.Identity):
    """What is left of a backbone whose features come from the cache."""

    F = F


def labels(N: int) -> Tensor:
    """(N, M), a seventh unknown."""
    return torch.randint(-1, K, (N, M))


def unit_rows(N: int) -> Tensor:
    return normalize(torch.randn(N, D), dim=1).requires_grad_()


def by_part(N: int, rounds: int) -> dict[str, float]:
    """Milliseconds of each part of a step with N images, and of the whole."""
    net = SilkNet(Net(NN_jfc=(1024, D), NN_tfc=()), Pooled(), [K] * M)  # type: ignore[arg-type]
    net.initialise()
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-4, **ADAM)  # type: ignore[arg-type]
    loss = Terms(Loss(), torch.full((M,), -1), [torch.ones(K)] * M)
    inputs, other = torch.randn(N, F), unit_rows(N).detach()
    known, colour = labels(N), torch.rand(N, 25)

    def features(logits: list[Tensor], f: Tensor) -> Features:
        return Features(logits, f, known, colour, lambda: other)

    def heads() -> None:
        optimiser.zero_grad(set_to_none=True)
        logits, f = net(inputs)
        torch.autograd.backward([*logits, f], [torch.ones_like(each) for each in (*logits, f)])

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        loss.combine(loss(features(*net(inputs)))).backward()
        optimiser.step()

    apart = features([torch.randn(N, K, requires_grad=True) for _ in range(M)], unit_rows(N))
    parts: dict[str, Callable[[], object]] = {"heads": heads, "Adam": optimiser.step}
    parts |= {name: lambda term=term: term(loss, apart).mean.backward() for name, term in TERMS.items()}
    times = milliseconds(parts | {"step": step}, rounds)
    return times | {"auxiliary / heads": sum(times[name] for name in AUXILIARY) / times["heads"]}


def all_triplets(f: Tensor, Y: Tensor, u: Tensor) -> Tensor:
    """L_sem as it is printed: a tensor (N, N, N) of margins and one of losses."""
    delta = torch.cdist(f, f, compute_mode="donot_use_mm_for_euclid_dist")
    margin = Y[:, :, None] - (Y + u)[:, None, :]
    i = torch.arange(len(f))
    distinct = (i[:, None, None] != i[None, :, None]) & (i[:, None, None] != i[None, None, :])
    valid = (margin > 1e-4) & distinct
    loss = (margin + delta[:, :, None] - delta[:, None, :]).clamp(min=0)
    return torch.where(valid, loss, 0.0).sum() / valid.sum().clamp(min=1)


def largest() -> float:
    """MiB that this process has had in memory at most, from Linux; getrusage would begin with those of its parent."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 2**10


def of_semantic(N: int, rounds: int) -> dict[str, float | None]:
    """L_sem with its similarities, forward and backward: time, and what it takes of memory; run in a new process."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    f, known = unit_rows(N), labels(N)

    def loss(way: Callable[[Tensor, Tensor, Tensor], Tensor], rows: Tensor, seen: Tensor) -> Tensor:
        return way(rows, *similarity.semantic(seen, torch.full((M,), -1)))

    loss(losses.semantic, unit_rows(8), labels(8)).backward()  # what is loaded at first is not counted
    before = largest()
    loss(losses.semantic, f, known).backward()
    memory = largest() - before
    parts: dict[str, Callable[[], object]] = {"ours": lambda: loss(losses.semantic, f, known).backward()}
    if cubic := N <= CUBIC:
        parts["all"] = lambda: loss(all_triplets, f, known).backward()
    times = milliseconds(parts, rounds)
    difference = (loss(losses.semantic, f, known) - loss(all_triplets, f, known)).item() if cubic else None
    all_ms = times.get("all")
    return {
        "N": N, "ms": times["ours"], "MiB": memory, "all triplets ms": all_ms,
        "ratio": all_ms / times["ours"] if all_ms else None, "difference": difference,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.step", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--batches", type=int, nargs="+", default=[64, 300, 1024])
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128, 300, 1024, 2048, 4096], help="for L_sem")
    parser.add_argument("--json", type=Path, help="a file for the figures")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    found: dict[str, Any] = {"step": [{"N": N, **by_part(N, arguments.rounds)} for N in arguments.batches]}
    show(found["step"], "Milliseconds of CPU for one step of N images")
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        found["L_sem"] = [pool.apply(of_semantic, (N, 3 if N > 1024 else arguments.rounds)) for N in arguments.sizes]
    show(found["L_sem"], "L_sem alone, forward and backward")
    write(arguments.json, found)


if __name__ == "__main__":
    main()
