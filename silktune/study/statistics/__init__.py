"""Is a difference between rows real? Tests between two rows, the rows not told from the best, runs needed.

Everything is two-sided: confidence 95 %, significance 5 %, power 80 %. scipy is loaded when a test is made, not before:
every process of a trial imports this room.
"""

from silktune.study.statistics.best_rows import inseparable, seed_correlation, told_apart
from silktune.study.statistics.comparison import (
    CONFIDENCE,
    MOST_RUNS,
    POWER,
    SIGNIFICANCE,
    Comparison,
    compare,
    correlation,
    holm,
    paired,
)  # fmt: skip

__all__ = [
    "CONFIDENCE", "MOST_RUNS", "POWER", "SIGNIFICANCE", "Comparison", "compare", "correlation", "holm", "inseparable",
    "paired", "seed_correlation", "told_apart",
]  # fmt: skip
