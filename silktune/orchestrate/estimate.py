"""What a table would cost: what is done, what is left, and for how long, from a few steps of every kind of training."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from silktune.data.dataset import Dataset
from silktune.orchestrate.ablate import Order, check, finished
from silktune.orchestrate.runner import Resources, local_ray, run_there
from silktune.settings import Experiment, Runtime
from silktune.study.paths import StudyPaths
from silktune.study.plan import Trial
from silktune.study.rows import Row, Table

HOUR = 3600.0


@dataclass(frozen=True)
class Line:
    """A row of the plan."""

    row: Row
    fingerprints: tuple[str, ...]  # of every run
    done: int
    left: int
    hours: float  # of one after the other, each to its train.max_epochs


@dataclass(frozen=True)
class Estimate:
    """A table before it is run."""

    table: Table
    runs: int
    lines: tuple[Line, ...]
    resources: Resources
    seconds_per_epoch: Mapping[str, float]  # row → seconds, measured

    @property
    def left(self) -> int:
        return sum(line.left for line in self.lines)

    @property
    def done(self) -> int:
        return sum(line.done for line in self.lines)

    @property
    def hours(self) -> float:
        """At most, with as many at once as were asked for."""
        return sum(line.hours for line in self.lines) / self.resources.concurrent


def estimate(table: Table, data: Dataset, order: Order, paths: StudyPaths) -> Estimate:
    """Look at what is done and measure a few steps of every kind of training that is left; trains nothing.

    Raises:
        SilktuneError: a row cannot be trained so, or was another experiment when its runs were made.
    """
    check(table, data, order.device)
    done = finished(table, order.runs, data, paths)
    trials = {row.id: [table.trial(row, run) for run in range(1, order.runs + 1)] for row in table.rows}
    left = {row.id: [] if row.same_as else [t for t in trials[row.id] if t.id not in done] for row in table.rows}
    with local_ray():
        resources = Resources.share(order.concurrent, order.device)
        epochs = _epochs([row for row in table.rows if left[row.id]], data, order.device, resources)
    lines = tuple(_line(row, trials[row.id], left[row.id], epochs, data.digest) for row in table.rows)
    return Estimate(table, order.runs, lines, resources, epochs)


def _line(row: Row, trials: list[Trial], left: list[Trial], epochs: Mapping[str, float], digest: str) -> Line:
    seconds = len(left) * row.experiment.train.max_epochs * epochs.get(row.id, 0.0)
    fingerprints = tuple(trial.fingerprint(digest) for trial in trials)
    return Line(row, fingerprints, 0 if row.same_as else len(trials) - len(left), len(left), seconds / HOUR)


def _epochs(rows: list[Row], data: Dataset, device: str, resources: Resources) -> dict[str, float]:
    """Seconds per epoch of every row, measured where a trial would run and with what it would get."""
    from silktune.core import probe

    kinds: dict[Hashable, list[Row]] = {}
    for row in rows:
        kinds.setdefault(probe.kind(row.experiment, data), []).append(row)
    runtime = Runtime(device=device, threads=resources.threads)  # type: ignore[arg-type]
    seconds = {}
    for alike in kinds.values():
        pace = run_there(resources, probe.measure, alike[0].experiment, runtime, data)
        seconds |= {row.id: pace.epoch(row.experiment, data) for row in alike}
    return seconds
