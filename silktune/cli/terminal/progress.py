"""What people see while images are prepared and activations computed, and epochs as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import (  # fmt: skip
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from silktune.api.progress import Progress as StudyWatcher
from silktune.cli.terminal.tables import notes, percent
from silktune.outcome import Epoch

if TYPE_CHECKING:
    from silktune.study.plan import Trial


class _Rate(ProgressColumn):
    """Images per second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.0f} images/s" if task.speed else "")


class Preparation(StudyWatcher):
    """A bar while the images of a label table are prepared, and what a person should know."""

    def __init__(self, console: Console) -> None:
        self.console = console
        columns = (TextColumn("Preparing images"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.bar = Progress(*columns, console=console, transient=True)
        self.activations = Progress(
            TextColumn("Computing activations"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn(),
            console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.bar.stop()
        self.activations.stop()

    def preparing(self, done: int, total: int) -> None:
        if not self.bar.tasks:
            self.bar.start()
            self.bar.add_task("", total=total)
        self.bar.update(self.bar.tasks[0].id, completed=done, total=total)

    def computing(self, done: int, total: int) -> None:
        if not self.activations.tasks:
            self.activations.start()
            self.activations.add_task("", total=total)
        task = self.activations.tasks[0].id
        self.activations.update(task, completed=done, total=total)
        if done == total:
            self.activations.stop()
            self.activations.remove_task(task)

    def note(self, sentence: str) -> None:
        notes(self.console, [sentence])


class EpochLines(Preparation):
    """A line per epoch of a training."""

    def epoch(self, trial: Trial, epoch: Epoch) -> None:
        self.bar.stop()
        terms = "  ".join(
            f"L_{name} {value:.3f}" for name, value in epoch.train_loss.items() if name not in ("L", "aux")
        )
        self.console.print(
            f"epoch {epoch.number:3d}  L {epoch.train_loss['L']:.3f}  {terms}  | validation  "
            f"L {epoch.validation_loss['L']:.3f}  F1 {percent(epoch.validation.mean_f1)}  {epoch.seconds:.1f} s"
        )
