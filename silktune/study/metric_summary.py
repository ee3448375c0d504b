"""A metric over independent runs: its mean and standard deviation."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from silktune.outcome import Parts, Scores

TITLES = {
    "mean_f1": "F1",
    "mean_f1_with_background": "F1 with background",
    "mean_f1_minority": "F1 under-represented",
    "OA": "OA",
}


@dataclass(frozen=True)
class MetricSummary:
    """Mean and standard deviation (n − 1) of one metric over independent runs."""

    mean: float
    deviation: float  # nan for a single run
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> MetricSummary:
        deviation = statistics.stdev(values) if len(values) > 1 else math.nan
        return cls(statistics.fmean(values), deviation, len(values))

    def __str__(self) -> str:
        """In percent, as the papers print it."""
        deviation = "" if math.isnan(self.deviation) else f" ± {100 * self.deviation:.2f}"
        return f"{100 * self.mean:.1f}{deviation}"


def over_runs(runs: Sequence[Scores]) -> dict[Parts, MetricSummary]:
    """Every metric over independent runs, by the parts of its name."""
    metrics = [scores.metrics() for scores in runs]
    names = list(metrics[0]) if metrics else []
    return {parts: MetricSummary.of([run[parts] for run in metrics if parts in run]) for parts in names}
