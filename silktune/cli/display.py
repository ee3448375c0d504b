"""What people see: tables, progress, epochs as they come."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from silktune.outcome import Epoch, Outcome, Scores

if TYPE_CHECKING:
    from silktune.data.dataset import Dataset
    from silktune.settings import Experiment
    from silktune.study.plan import Trial
    from silktune.study.report import SearchReport


def resolve(console: Console, data: str, images: Path | None, experiment: Experiment, root: Path) -> Dataset:
    """The data set that `--data` names, prepared with a progress bar if it is a table, copied here from a storage."""
    from silktune.data import dataset
    from silktune.data.local_copy import fetch
    from silktune.storage import Storage, is_uri

    folder = fetch(Storage.of(data), root) if is_uri(data) else Path(data)

    columns = (TextColumn("Preparing images"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        found = dataset.resolve(
            folder,
            images,
            experiment.data,
            root,
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    notes(console, found.notes)
    return found


def notes(console: Console, sentences: Iterable[str]) -> None:
    """What a person should know, a line each."""
    for sentence in sentences:
        console.print(sentence, style="yellow", markup=False, soft_wrap=True)


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def plain_table(*columns: str | Text, title: str | Text = "") -> Table:
    """A table with its first column to the left and figures to the right."""
    table = Table(
        box=None,
        pad_edge=False,
        header_style="bold",
        title=title or None,
        title_justify="left",
        title_style="bold",
    )
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", overflow="fold")
    return table


def scores_table(title: str, scores: Scores) -> Table:
    """F1 and OA of every variable and their means, in percent."""
    table = plain_table("", "images", "F1", "with background", "under-represented", "OA", title=f"{title} [%]")
    for v in scores.variables:
        cells = (v.f1, v.f1_with_background, v.f1_minority, v.OA)
        table.add_row(Text(v.name), str(v.labelled), *map(percent, cells))
    means = (scores.mean_f1, scores.mean_f1_with_background, scores.mean_f1_minority, scores.OA)
    table.add_row("mean", "", *map(percent, means), style="bold")
    return table


class EpochLines:
    """A `Reporter` that prints a line per epoch."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def __call__(self, epoch: Epoch) -> None:
        terms = "  ".join(
            f"L_{name} {value:.3f}" for name, value in epoch.train_loss.items() if name not in ("L", "aux")
        )
        self.console.print(
            f"epoch {epoch.number:3d}  L {epoch.train_loss['L']:.3f}  {terms}  | validation  "
            f"L {epoch.validation_loss['L']:.3f}  F1 {percent(epoch.validation.mean_f1)}  {epoch.seconds:.1f} s"
        )


class StudyProgress:
    """A `Watcher`: a line per trial that ends, and in a terminal a live line per trial that runs."""

    def __init__(self, console: Console, width: int = 18) -> None:
        """Draws nothing yet.

        Args:
            console: where to.
            width: of the longest trial's name.
        """
        self.console, self.width = console, width
        self.live = Live(console=console, refresh_per_second=4, transient=True)
        self.running: dict[str, tuple[float, Epoch | None, int]] = {}

    def __enter__(self) -> StudyProgress:
        if self.console.is_terminal:
            self.live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.live.stop()

    def started(self, trial: Trial) -> None:
        self.running[trial.id] = (time.monotonic(), None, trial.experiment.train.max_epochs)
        self._draw()

    def epoch(self, trial: Trial, epoch: Epoch) -> None:
        since, _, most = self.running[trial.id]
        self.running[trial.id] = (since, epoch, most)
        self._draw()

    def ended(self, trial: Trial, outcome: Outcome) -> None:
        self.running.pop(trial.id, None)
        self._draw()
        scores = outcome.test or outcome.validation
        of = "test" if outcome.test else "validation"
        figure = f"{of} F1 {percent(scores.mean_f1)}" if scores else ""
        epochs = f"{len(outcome.epochs)} epochs, {outcome.seconds:.0f} s"
        colour = {"finished": "green", "pruned": "yellow", "failed": "red"}[outcome.state]
        line = Text(f"{trial.id:<{self.width}} ").append(f"{outcome.state:<9}", colour)
        why = f"  ({outcome.reason})" if outcome.reason else ""
        self.console.print(line.append(f" {figure:<20} {epochs}{why}"), soft_wrap=True)

    def note(self, sentence: str) -> None:
        notes(self.console, [sentence])

    def _draw(self) -> None:
        lines = []
        for name, (since, epoch, most) in self.running.items():
            state = (
                "starting"
                if epoch is None
                else f"epoch {epoch.number}/{most}  validation F1 {percent(epoch.validation.mean_f1)}"
            )
            lines.append(Text(f"{name:<{self.width}} {state}  {time.monotonic() - since:.0f} s", style="dim"))
        self.live.update(Group(*lines))


def search_report(console: Console, report: SearchReport) -> None:
    """The end of a search: leading trials, winner, test table, importances."""
    from silktune.study.report import TITLES, override_line

    head, *rows = report.leading(5)
    table = plain_table(*head, title="Leading trials")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print("", table)
    console.print(f"\n[bold]The winner[/] is {report.winner.id}. Its settings:")
    console.print(override_line(report.winner.experiment), soft_wrap=True, markup=False)
    runs = len(report.tests)
    table = plain_table(
        "", *TITLES.values(), title=f"Test set, mean ± standard deviation over {runs} runs of the winner [%]"
    )
    for row in report.test_table():
        table.add_row(*map(Text, row), style="bold" if row[0] == "mean" else None)
    console.print("", table)
    console.print(f"Always naming the largest class: mean F1 {percent(report.floor)}.")
    if report.importances:
        shares = ", ".join(f"{name} {share:.2f}" for name, share in report.importances.items())
        console.print(f"\n[bold]Importance[/] of the settings for the validation F1 (fANOVA): {shares}.")
    else:
        console.print("\nFour trials that finished, or more, would tell the importance of the settings.")
