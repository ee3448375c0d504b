"""How intervals over seeds, test sets and both are written, and what they are in words."""

from __future__ import annotations

from silktune.study.bootstrap import DRAWS, Interval, Uncertainty

NONE = "–"
NO_PREDICTIONS = (
    "Of another test set nothing can be said: these runs are of before predictions for each image were kept."
)
MISSING = f"{NONE}: fewer than two runs, runs that do not vary, or runs that kept no predictions for each image."


def share_text(interval: Interval | None) -> str:
    """Of a metric, in percent: no metric is less than 0 or more than 100."""
    if not interval:
        return NONE
    return interval_text(Interval(max(interval.low, 0.0), min(interval.high, 1.0)), 1)


def interval_text(interval: Interval | None, digits: int) -> str:
    """In percent, or in percentage points; – where there is none."""
    if not interval:
        return NONE
    low, high = (f"{100 * share:.{digits}f}".replace("-", "−") for share in (interval.low, interval.high))
    return f"[{low}, {high}]"


def explained(records: int) -> str:
    """What the intervals are, of a test set with so many records."""
    return (
        "Intervals of 95 %. Over seeds: training again, testing on these images. Over test sets: these networks, "
        f"tested on other objects of the same kind ({DRAWS} draws of the {records:,} records of the test set, each "
        "with all its images). Over both: what to expect of new networks on new objects, with the same training images."
    )


def sentence(metric: str, found: Uncertainty) -> str:
    """A mean with its intervals."""
    seeds, test_sets, both = map(share_text, (found.seeds, found.test_set, found.both))
    return f"{metric} {100 * found.value:.1f}: {seeds} over seeds, {test_sets} over test sets, {both} over both."
