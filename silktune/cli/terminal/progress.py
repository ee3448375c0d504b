"""What people see while something runs: images that are prepared, epochs as they come, trials that run and end."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from silktune.cli.terminal.tables import notes, percent
from silktune.outcome import Epoch, Outcome

if TYPE_CHECKING:
    from silktune.data.dataset import Dataset
    from silktune.settings import Experiment
    from silktune.study.plan import Trial


def resolve(console: Console, data: str, images: Path | None, experiment: Experiment, root: Path) -> Dataset:
    """The data set that `--data` names, prepared with a progress bar if it is a table, copied here from a storage."""
    from silktune.data.local_copy import fetch
    from silktune.data.open_or_prepare import open_or_prepare
    from silktune.storage import Storage, is_uri

    folder = fetch(Storage.of(data), root) if is_uri(data) else Path(data)

    columns = (TextColumn("Preparing images"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        found = open_or_prepare(
            folder,
            images,
            experiment.data,
            root,
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    notes(console, found.notes)
    return found


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
