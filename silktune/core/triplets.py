"""How many triplets of L_sem (P23 Eq. 6) are valid and active, counted by sorting: N² log N instead of N³.

N images: i is the anchor, p its positive, n its negative
s_ip = Y^ip + Δ_ip and t_in = Y^in + u^in + Δ_in, none negative; a triplet is active where s_ip > t_in
a rank tells where a share stands among the few different ones of a batch: a triplet is valid where the positive's rank
is the higher one
"""

from __future__ import annotations

import torch
from torch import Tensor

# Shares are multiples of 1/M computed in floating point: in grains, different ones are at least 3 apart for every
# M < 5000, and those that should be equal at most 1, where a rounding error decides between two grains.
GRAINS = 2**14
POSITIVE = 2**14  # added to the ranks of positives, which tells them from negatives: there are fewer ranks
BLOCK = 2**16  # numbers that are sorted and counted together: they fit a core's cache


def count(s: Tensor, t: Tensor, positive: Tensor, negative: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """For each (i, p) and each (i, n) the number of active valid triplets; and for each i the number of valid ones.

    A triplet with p = n has the margin −u ≤ 0 and is never valid.

    Args:
        s: (N, N) s_ip ≥ 0.
        t: (N, N) t_in ≥ 0; what differs by less than float32 can tell counts as equal to an s.
        positive: (N, N) Y, shares.
        negative: (N, N) Y + u, shares: the margin is positive − negative.

    Returns:
        with_p, with_n: (N, N) int32.
        valid: (N,) int64.
    """
    N = len(s)
    ranks, levels = _ranks(torch.cat([positive, negative], 1))
    ranks[:, :N] += POSITIVE
    ranks[:, :N].fill_diagonal_(POSITIVE)  # i is no positive of itself: above no negative,
    ranks[:, N:].fill_diagonal_(levels)  # and no negative: below no positive
    values = torch.cat([s, t], 1).float()
    counts = torch.empty(N, 2 * N, dtype=torch.int32, device=s.device)
    valid = torch.empty(N, dtype=torch.int64, device=s.device)
    rows = max(1, BLOCK // (2 * N))
    for start in range(0, N, rows):
        some = slice(start, start + rows)
        valid[some] = _count_rows(values[some], ranks[some], counts[some], levels)
    return counts[:, :N], counts[:, N:], valid


def _ranks(shares: Tensor) -> tuple[Tensor, int]:
    """The rank of each share, int16, and how many ranks there are."""
    grains = (shares * GRAINS).round_().long().view(-1)
    there = torch.zeros(GRAINS + 2, dtype=torch.bool, device=shares.device).scatter_(0, grains, True)
    begins = there.clone()
    begins[1:] &= ~there[:-1]
    ranks = begins.cumsum(0, dtype=torch.int16) - 1
    return ranks.index_select(0, grains).view_as(shares), int(begins.sum())


def _count_rows(values: Tensor, ranks: Tensor, counts: Tensor, levels: int) -> Tensor:
    """Fill `counts` for some anchors, whose s and t stand in `values`; the number of each one's valid triplets.

    In ascending order, a positive's active negatives are those before it whose rank is lower, a negative's active
    positives those after it whose rank is higher: for each rank a cumulative sum tells how many.
    """
    order = _ascending(values)
    ranks = ranks.gather(1, order)
    found = torch.zeros_like(counts)
    lower = torch.zeros_like(counts)  # 1 where there is a negative below the rank
    higher = (ranks > POSITIVE).int()  # 1 where there is a positive of at least the rank
    after = higher.cumsum(1, dtype=torch.int32)
    valid = torch.zeros(len(values), dtype=torch.int64, device=values.device)
    for rank in range(1, levels):
        negatives, positives = (ranks == rank - 1).int(), (ranks == POSITIVE + rank).int()
        lower += negatives
        higher -= positives
        before, up_to = lower.cumsum(1, dtype=torch.int32), after
        found.addcmul_(positives, before)
        found.addcmul_(negatives, up_to[:, -1:] - up_to)
        after = higher.cumsum(1, dtype=torch.int32)
        valid += before[:, -1].long() * (up_to[:, -1] - after[:, -1])
    counts.scatter_(1, order, found)
    return valid


def _ascending(values: Tensor) -> Tensor:
    """(n, 2N) which of them comes first, second, …; of equal ones the left one, so no t comes before its equal s.

    What is sorted are whole numbers: the bits of a float, which are in the order of floats that are not negative, and
    its place behind them. NumPy sorts these several times as fast as torch sorts floats and places on a CPU.
    """
    places = torch.arange(values.shape[1], device=values.device)
    keys = values.view(torch.int32).long().bitwise_left_shift_(32).bitwise_or_(places)
    if keys.device.type == "cpu":
        keys.numpy().sort(1)
    else:
        keys = keys.sort(1).values
    return keys.bitwise_and_(2**32 - 1)
