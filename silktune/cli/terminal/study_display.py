"""What a person sees of a study while it runs.

A line per trial that ends; below these, drawn again and again, a line per trial that runs and one for all.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from silktune.api.progress import Begun
from silktune.cli.terminal.progress import Preparation
from silktune.cli.terminal.tables import percent
from silktune.core import early_stopping
from silktune.outcome import Epoch, Outcome
from silktune.settings import Train
from silktune.study.plan import SEARCHED, Trial

BAR, ROOM = 16, 96  # columns of a bar, and of a terminal that has room for bars
COLOURS = {"finished": "green", "pruned": "yellow", "failed": "red"}


@dataclass
class _Running:
    """A trial that is trained."""

    settings: Train
    since: float = field(default_factory=time.monotonic)
    epochs: list[Epoch] = field(default_factory=list)

    def cells(self, bars: bool) -> tuple[RenderableType, ...]:
        """A bar over its epochs, the last one, its F1 and its best one, how long it may go on without a better one."""
        seconds = f"{time.monotonic() - self.since:.0f} s"
        if not self.epochs:
            return "", "starting", "", "", seconds
        done, most = self.epochs[-1], self.settings.max_epochs
        best = early_stopping.best(self.epochs, self.settings.stop_on)
        left = max(self.settings.patience - (done.number - best.number), 0)
        return (
            ProgressBar(most, done.number, width=BAR) if bars else "", f"epoch {done.number}/{most}",
            f"F1 {percent(done.validation.mean_f1)}, best {percent(best.validation.mean_f1)}",
            f"patience {left}", seconds,
        )  # fmt: skip


class StudyDisplay(Preparation):
    """A line per trial that ends; in a terminal what runs below them, as it is at every moment."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self.width = 18  # of the longest trial's name
        self.running: dict[str, _Running] = {}
        self.ended_as: Counter[str] = Counter()
        self.best: tuple[float, str] | None = None  # the largest validation mean F1 of a search's trials, and whose
        self.live = Live(console=console, get_renderable=self.running_now, refresh_per_second=4, transient=True)

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
        self.running[trial.id] = _Running(trial.experiment.train)

    def epoch(self, trial: Trial, epoch: Epoch) -> None:
        self.running[trial.id].epochs.append(epoch)

    def ended(self, trial: Trial, outcome: Outcome) -> None:
        self.running.pop(trial.id, None)
        self.ended_as[outcome.state] += 1
        scores = outcome.test or outcome.validation
        if trial.group == SEARCHED and scores and outcome.state == "finished":
            self.best = max(self.best or (0.0, ""), (outcome.value, trial.id))
        of = "test" if outcome.test else "validation"
        metric = f"{of} F1 {percent(scores.mean_f1)}" if scores else ""
        epochs = f"{len(outcome.epochs)} epochs, {outcome.seconds:.0f} s"
        line = Text(f"{trial.id:<{self.width}} ").append(f"{outcome.state:<9}", COLOURS[outcome.state])
        why = f"  ({outcome.reason})" if outcome.reason else ""
        self.console.print(line.append(f" {metric:<20} {epochs}{why}"), soft_wrap=True)

    def running_now(self) -> RenderableType:
        """The trials that run, and a line for all; nothing as long as none has begun."""
        table = Table.grid(padding=(0, 2, 0, 0))
        for _ in range(6):
            table.add_column(no_wrap=True, style="dim")
        for name, running in list(self.running.items()):  # another thread draws
            table.add_row(f"{name:<{self.width}}", *running.cells(self.console.width >= ROOM))
        return Group(table, Text(self.summary(), "dim")) if self.running or self.ended_as else Text()

    def summary(self) -> str:
        """How many have ended, and which is best so far."""
        ended = self.ended_as
        parts = [f"{ended['finished']:,} done"]
        parts += [f"{ended[state]:,} {name}" for state, name in (("pruned", "stopped early"), ("failed", "failed"))
                  if ended[state]]  # fmt: skip
        if self.best:
            parts.append(f"best {self.best[1]} with F1 {percent(self.best[0])}")
        return " · ".join(parts)
