"""What a table would cost: what is done, what is left, and for how long, from a few steps of every kind of training."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from silktune.core import cost, training
from silktune.core.activations.needed import needed, views_kept
from silktune.data.dataset import Dataset
from silktune.data.shared_dataset import Whereabouts
from silktune.orchestrate import until_decided
from silktune.orchestrate.ablate import Order, finished
from silktune.orchestrate.executors.resources import Resources
from silktune.settings import Experiment, Runtime
from silktune.study.ablation.results import Results
from silktune.study.ablation.table_model import Row, Table
from silktune.study.data_facts import Facts
from silktune.study.paths import StudyPaths
from silktune.study.plan import Trial

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

    runs: int  # of every row, or at most where rows stop when they are decided
    lines: tuple[Line, ...]
    resources: Resources
    seconds_per_epoch: tuple[float, ...]  # of every row that is not done
    activations: float = 0.0  # hours, before the first trial: what is frozen, once
    results: Results | None = None  # of the runs that are done

    @property
    def left(self) -> int:
        return sum(line.left for line in self.lines)

    @property
    def done(self) -> int:
        return sum(line.done for line in self.lines)

    @property
    def hours(self) -> float:
        """At most, with as many at once as were asked for."""
        return self.activations + sum(line.hours for line in self.lines) / self.resources.concurrent


def estimate(table: Table, data: Dataset, order: Order, paths: StudyPaths) -> Estimate:
    """Look at what is done and measure a few steps of every kind of training that is left; trains nothing.

    Raises:
        SilktuneError: a row was another experiment when its runs were made, or its steps fail.
    """
    done = finished(table, data, paths)
    results = Results(table, Facts.of(data), dict(paths.outcomes()))
    trials = {row.id: [table.trial(row, run) for run in range(1, table.most + 1)] for row in table.rows}
    open_rows = until_decided.runs_wanted(results) if table.at_most else [row.owner for row in table.rows]
    left = {row.id: [t for t in trials[row.id] if row.id in open_rows and t.id not in done] for row in table.rows}
    with order.executor.open():
        each = order.executor.resources()
        where = Whereabouts.of(data, paths.storage)
        rows = [row for row in table.rows if left[row.id]]
        costs = _costs(rows, data, where, order, each)
    lines = tuple(_line(row, trials[row.id], done, left[row.id], costs, data.digest) for row in table.rows)
    once: dict[Hashable, float] = {}
    for row in rows:
        once[_trunk(row)] = max(once.get(_trunk(row), 0.0), costs[row.id].once)
    seconds, hours = tuple(cost.epoch for cost in costs.values()), sum(once.values()) / HOUR
    return Estimate(table.most, lines, each, seconds, hours, results)


def _line(
    row: Row, trials: list[Trial], done: set[str], left: list[Trial], costs: Mapping[str, _Cost], digest: str
) -> Line:
    seconds = len(left) * costs[row.id].training(row.experiment.train.max_epochs) if left else 0.0
    fingerprints = tuple(trial.fingerprint(digest) for trial in trials)
    finished = 0 if row.same_as else sum(trial.id in done for trial in trials)
    return Line(row, fingerprints, finished, len(left), seconds / HOUR)


@dataclass(frozen=True)
class _Cost:
    """Of a training of a row, in seconds."""

    start: float
    epoch: float
    once: float  # before all trainings with this trunk

    def training(self, epochs: int) -> float:
        return self.start + epochs * self.epoch


def _trunk(row: Row) -> Hashable:
    """Rows whose frozen part is computed together."""
    return row.experiment.net.trunk, row.experiment.net.weights


def _costs(rows: list[Row], data: Dataset, where: Whereabouts, order: Order, each: Resources) -> dict[str, _Cost]:
    """What a training of every row costs, measured where a trial would run and with what it would get."""
    kinds: dict[Hashable, list[Row]] = {}
    for row in rows:
        kinds.setdefault(cost.kind(row.experiment, data), []).append(row)
    runtime = Runtime(device=order.executor.device, threads=each.threads)
    costs: dict[str, _Cost] = {}
    for alike in kinds.values():
        experiments = [row.experiment for row in alike]
        most = max(experiments, key=lambda one: len(training.view(data, one).rows("train")))  # its batches are full
        kept = order.cache_gb != 0 and bool(needed([most], data))
        pace = order.executor.call(_measure, most, runtime, where, kept)
        for row in alike:
            passes = len(data.images) * (1 + views_kept(row.experiment))
            costs[row.id] = _Cost(pace.start, pace.epoch(row.experiment, data), pace.frozen * passes)
    return costs


def _measure(experiment: Experiment, runtime: Runtime, where: Whereabouts, kept: bool) -> cost.Pace:
    return cost.measure(experiment, runtime, where.open(), kept=kept)
