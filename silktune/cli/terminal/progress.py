"""What people see while something runs: images that are prepared, epochs as they come, trials that run and end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group
from rich.live import Live
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

from silktune.api.progress import Begun
from silktune.api.progress import Progress as StudyWatcher
from silktune.cli.terminal.tables import notes, percent
from silktune.outcome import Epoch, Outcome

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


class StudyProgress(Preparation):
    """A line per trial that ends, and in a terminal a live line per trial that runs."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self.width = 18  # of the longest trial's name
        self.live = Live(console=console, refresh_per_second=4, transient=True)
        self.running: dict[str, tuple[float, Epoch | None, int]] = {}

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        self.live.stop()

    def begun(self, study: Begun) -> None:
        self.bar.stop()
        self.width = max(map(len, study.trials), default=self.width)
        self.console.print(f"Study {study.folder} on {study.data} ({study.digest})", markup=False, soft_wrap=True)
        if study.question:
            self.console.print(study.question, markup=False)
        if self.console.is_terminal:
            self.live.start()

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
        metric = f"{of} F1 {percent(scores.mean_f1)}" if scores else ""
        epochs = f"{len(outcome.epochs)} epochs, {outcome.seconds:.0f} s"
        colour = {"finished": "green", "pruned": "yellow", "failed": "red"}[outcome.state]
        line = Text(f"{trial.id:<{self.width}} ").append(f"{outcome.state:<9}", colour)
        why = f"  ({outcome.reason})" if outcome.reason else ""
        self.console.print(line.append(f" {metric:<20} {epochs}{why}"), soft_wrap=True)

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
