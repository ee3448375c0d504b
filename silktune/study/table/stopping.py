"""After how many epochs the rows of an ablation stopped, and by what."""

from __future__ import annotations

from collections.abc import Sequence

from silktune.outcome import Outcome, StopOn
from silktune.study.ablation.results import Results
from silktune.study.ablation.table_model import Row
from silktune.study.document.parts import Cell, Column
from silktune.study.metric_summary import MetricSummary
from silktune.study.table.cell_text import NONE

TITLE = "Epochs until training stopped"
BY: dict[StopOn, str] = {
    "L": "smallest loss (L)",
    "C": "smallest cross-entropy (C)",
    "mean_f1": "largest mean F1",
}
OWN_LOSS = (
    "The rows are trained with different losses and each stops by its own, so a difference between them may be that "
    "one stops earlier. With train.stop_on=C or train.stop_on=mean_f1 all stop by the same."
)


def columns(results: Results, rows: Sequence[Row]) -> list[Column]:
    """The best epoch, the epochs trained, how many runs came to the last one, and what the best epoch is best in."""
    runs = [list(results.ended(row).values()) for row in rows]
    return [
        Column("best epoch", [_mean([outcome.best_epoch for outcome in ended]) for ended in runs]),
        Column("epochs", [_mean([outcome.trained for outcome in ended if outcome.trained]) for ended in runs]),
        Column("not saturated", [_unsaturated(row, ended) for row, ended in zip(rows, runs, strict=True)]),
        Column("best by", [Cell(BY[row.experiment.train.stop_on]) for row in rows]),
    ]


def notes(rows: Sequence[Row]) -> list[str]:
    """How to read them."""
    said = [
        "Best epoch: whose weights are tested, by the validation set; epochs: all that were trained; means ± standard "
        "deviations over the runs. Not saturated: runs that were still getting better within their patience when "
        "train.max_epochs ended them."
    ]
    own = {row.experiment.effective().loss for row in rows if row.experiment.train.stop_on == "L"}
    return [*said, *[OWN_LOSS] * (len(own) > 1)]


def _mean(epochs: Sequence[int]) -> Cell:
    if not epochs:
        return Cell(NONE)
    over_runs = MetricSummary.of(epochs)
    return Cell(f"{over_runs.mean:.1f}" + (f" ± {over_runs.deviation:.1f}" if over_runs.n > 1 else ""))


def _unsaturated(row: Row, ended: Sequence[Outcome]) -> Cell:
    """How many of its runs max_epochs ended, of how many."""
    train, trained = row.experiment.train, [outcome for outcome in ended if outcome.trained]
    cut = sum(outcome.trained - outcome.best_epoch < train.patience for outcome in trained)
    return Cell(f"{cut} of {len(trained)}" if trained else NONE)
