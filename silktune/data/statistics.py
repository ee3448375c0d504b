"""How unequal the classes of a variable are.

Notation: K classes, n_k samples of class k, ζ_k = n_k / Σ n the empirical distribution, e the uniform one,
m the number of minority (under-represented) classes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ClassStatistics:
    """The distribution of one variable's labels over its classes of interest (background is none)."""

    counts: tuple[int, ...]

    @property
    def K(self) -> int:
        return len(self.counts)

    @property
    def total(self) -> int:
        return sum(self.counts)

    @property
    def minority_mask(self) -> tuple[bool, ...]:
        """Which classes are under-represented, in the order of the counts.

        ζ_k < 1/K is decided on whole numbers: n_k·K < Σ n.

        Paper: P22 §4, P23 §4 (the set M_m of Table 2).
        Differs: nothing.
        """
        return tuple(n * self.K < self.total for n in self.counts)

    @property
    def minority(self) -> int:
        """m, the number of under-represented classes."""
        return sum(self.minority_mask)

    @property
    def minority_share(self) -> float:
        """m/K, the share of the classes that are under-represented (P22 Table 2)."""
        return self.minority / self.K

    @property
    def IR(self) -> float:
        """Imbalance ratio max ζ / min ζ; infinite if a class has no sample.

        Paper: P22 Eq. (6), P23 Eq. (9).
        Differs: nothing.
        """
        return max(self.counts) / min(self.counts) if min(self.counts) else math.inf

    @property
    def BD(self) -> float:
        """Distance from balance d(ζ, e) / d(τ, e) in [0, 1]; 0 if no class is under-represented.

        d is the total variation distance; τ is zero at the m minority classes and at least 1/K at the others,
        so d(τ, e) = m/K. On whole numbers: Σ |n_k·K − Σ n| / (2·m·Σ n).

        Paper: P22 Eq. (7).
        Differs: the printed formula has d(ζ, τ) below the line; d(τ, e) gives the values of P22's Table 2.
        """
        distance = sum(abs(n * self.K - self.total) for n in self.counts)
        return distance / (2 * self.minority * self.total) if self.minority else 0.0


def class_statistics(counts: Sequence[int] | Mapping[str, int]) -> ClassStatistics:
    """The statistics of `counts`, samples per class of interest.

    Raises:
        ValueError: no class, a negative count, or no sample at all.
    """
    values = tuple(int(n) for n in (counts.values() if isinstance(counts, Mapping) else counts))
    if not values or min(values) < 0 or sum(values) == 0:
        raise ValueError(f"class counts are one or more whole numbers ≥ 0 with a sum > 0, not {values}")
    return ClassStatistics(values)
