"""How sure the means and differences of a table are where the test set is chance too (`study.bootstrap`).

A metric is meant as in `results`. None: a run of a row has no predictions, or there is no run.
"""

from __future__ import annotations

from silktune.outcome import Name
from silktune.study import bootstrap
from silktune.study.ablation.results import Results
from silktune.study.ablation.table_model import Row
from silktune.study.bootstrap import Uncertainty, Values


def of_mean(results: Results, row: Row, metric: Name) -> Uncertainty | None:
    """Of a row's mean over its runs."""
    runs = results.values(row, metric)
    drawn = _drawn(results, row, metric)
    if not runs or not runs.keys() <= drawn.keys():
        return None
    return bootstrap.of_mean(list(runs.values()), [drawn[run] for run in runs])


def of_difference(results: Results, row: Row, other: Row, metric: Name) -> Uncertainty | None:
    """Of the difference row − other, over the runs and by the test of `Results.compare`."""
    comparison = results.compare(row, other, metric)
    if comparison is None or row.owner == other.owner:
        return None
    a, b = results.values(row, metric), results.values(other, metric)
    paired = comparison.test == "paired"
    if paired:
        shared = sorted(a.keys() & b.keys())
        a, b = ({run: side[run] for run in shared} for side in (a, b))
    drawn_a, drawn_b = (_drawn(results, one, metric) for one in (row, other))
    if not (a.keys() <= drawn_a.keys() and b.keys() <= drawn_b.keys()):
        return None
    return bootstrap.of_difference(
        list(a.values()), [drawn_a[run] for run in a], list(b.values()), [drawn_b[run] for run in b], paired=paired
    )


def _drawn(results: Results, row: Row, metric: Name) -> dict[int, Values]:
    """A metric of each of a row's runs on every draw, where there are draws."""
    parts = (metric,) if isinstance(metric, str) else metric
    return {run: drawn[parts] for run, drawn in results.on_draws(row).items() if parts in drawn}
