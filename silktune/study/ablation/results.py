"""What the runs of an ablation table say: metrics of every row, and comparisons between rows.

A metric is a share in [0, 1]. It is meant by the parts of its name, ("place", "FR", "f1"), or by the name that
`outcome.Scores.names` gives it: `mean_f1`, `OA`, `place.f1`, `place.FR.f1`. Only runs that finished and were tested
count.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from silktune.outcome import Name, Outcome, Scores
from silktune.study import statistics
from silktune.study.ablation.decisions import Decision, decided
from silktune.study.ablation.table_model import Row, Table
from silktune.study.baselines import NO_BASELINES, Baselines
from silktune.study.data_facts import Facts
from silktune.study.metric_summary import MetricSummary
from silktune.study.resampled_runs import NOTHING, OnDraws, Resampled
from silktune.study.statistics import Comparison

Resample = Callable[[Mapping[str, Scores]], Resampled]


@dataclass(frozen=True)
class Tested:
    """A comparison and what is left of it among the others that were made with it."""

    comparison: Comparison | None  # None: one of the two has no run, or they are the same experiment
    p_holm: float  # nan where it is not testable
    tests: int  # that were made with it
    decision: Decision | None = None  # in a table whose rows stop when they are decided; p_holm is nan there

    @property
    def found(self) -> bool:
        """Whether it is more than chance."""
        if self.decision:
            return self.decision.state == "found"
        return self.p_holm < statistics.SIGNIFICANCE


class Results:
    """A table and the outcomes of its runs."""

    def __init__(
        self, table: Table, facts: Facts, outcomes: Mapping[str, Outcome], resample: Resample = lambda tests: NOTHING,
        baselines: Baselines = NO_BASELINES, subset: Literal["validation", "test"] = "test",
    ) -> None:  # fmt: skip
        """Takes in what is there.

        Args:
            table: the rows.
            facts: what the data set is.
            outcomes: trial → outcome, of all trials that have one; others are not looked at.
            resample: finds what the trials with these test scores reach on test sets drawn anew.
            baselines: what needs no network, on the same test images.
            subset: on which the runs are judged.
        """
        self.table, self.facts, self.outcomes, self._resample = table, facts, outcomes, resample
        self.baselines, self.subset = baselines, subset
        self._scores: dict[str, dict[int, Scores]] = {}
        self._flat: dict[str, dict[int, dict[Name, float]]] = {}
        self._tested: dict[Name, dict[str, Tested]] = {}
        self._on_draws: dict[str, dict[int, OnDraws]] = {}

    @cached_property
    def runs(self) -> int:
        """How many runs of every row the table speaks of: as many as were asked for, more if every row has more."""
        return max(self.table.runs, min(map(self._whole, self.table.rows), default=0))

    def _whole(self, row: Row) -> int:
        """How many of a row's runs are done without a gap."""
        return next(run for run in itertools.count(1) if run not in self.scores(row)) - 1

    @cached_property
    def most_runs(self) -> int:
        """The largest run number with an outcome, or the table's own; a row may have more runs than were asked for."""
        numbers = {int(last) for name in self.outcomes if (last := name.rpartition("-run")[2]).isdecimal()}
        found = (run for run in numbers if any(self._outcome(row, run) for row in self.table.rows))
        return max((self.table.runs, *found))

    def _outcome(self, row: Row, run: int) -> Outcome | None:
        return self.outcomes.get(self.table.trial(row, run).id)

    def scores(self, row: Row) -> dict[int, Scores]:
        """The scores of a row's runs on the subset, by run number."""
        if row.id not in self._scores:
            found = {run: self._outcome(row, run) for run in range(1, self.most_runs + 1)}
            self._scores[row.id] = {
                run: scores for run, outcome in found.items()
                if outcome and outcome.state == "finished" and outcome.test
                and (scores := outcome.test if self.subset == "test" else outcome.validation)
            }  # fmt: skip
        return self._scores[row.id]

    def ended(self, row: Row) -> dict[int, Outcome]:
        """The outcomes of a row's runs that finished and were tested, by run number."""
        return {run: outcome for run in self.scores(row) if (outcome := self._outcome(row, run))}

    @cached_property
    def on_validation(self) -> Results:
        """The same runs on the validation set, at the epochs whose weights were tested: to choose a row by."""
        return Results(self.table, self.facts, self.outcomes, subset="validation")

    @cached_property
    def resampled(self) -> Resampled:
        """All tested runs on test sets drawn anew, from the predictions that they kept; none of several splits.

        There each split has a test set of its own, and what it changes is seen from split to split.

        Raises:
            StudyError: a file of predictions is damaged, or is of another run.
        """
        if self.table.splits > 1:
            return Resampled(0, {})
        rows = [row for row in self.table.rows if not row.same_as]
        tests = {self.table.trial(row, run).id: scores for row in rows for run, scores in self.scores(row).items()}
        return self._resample(tests)

    def on_draws(self, row: Row) -> dict[int, OnDraws]:
        """The metrics of a row's runs on each draw, by run number; a run without predictions has none."""
        if row.owner not in self._on_draws:
            found = {run: self.resampled.runs.get(self.table.trial(row, run).id) for run in self.scores(row)}
            self._on_draws[row.owner] = {run: drawn for run, drawn in found.items() if drawn}
        return self._on_draws[row.owner]

    def values(self, row: Row, metric: Name) -> dict[int, float]:
        """A metric of each of a row's runs; a run in which it is not defined has none."""
        if row.id not in self._flat:
            self._flat[row.id] = {run: _by_name(scores) for run, scores in self.scores(row).items()}
        return {run: metrics[metric] for run, metrics in self._flat[row.id].items() if metric in metrics}

    def summary(self, row: Row, metric: Name) -> MetricSummary | None:
        """Mean and deviation over the runs there are; None before the first."""
        values = list(self.values(row, metric).values())
        return MetricSummary.of(values) if values else None

    def failures(self) -> list[str]:
        """Which cells have no metric because their run failed, and why."""
        said = []
        for row in self.table.rows:
            for run in range(1, max(self.runs, self.table.most) + 1):
                outcome = self._outcome(row, run)
                if outcome and outcome.state == "failed" and not row.same_as:
                    said.append(f"row '{row.id}', run {run}: {outcome.reason}")
        return said

    @property
    def overlap(self) -> float:
        """Images of the subset over those for training, where runs are of several splits; else 0 (`paired`)."""
        if not self.facts.split or self.table.splits == 1:
            return 0.0
        return self.facts.split.images[self.subset] / self.facts.split.images["train"]

    def by_split(self, row: Row, metric: Name) -> dict[int, float]:
        """A metric's mean over the runs of each split."""
        runs: dict[int, list[float]] = {}
        for run, value in self.values(row, metric).items():
            runs.setdefault(self.table.split(run), []).append(value)
        return {split: float(np.mean(values)) for split, values in runs.items()}

    def seeded(self, rows: Sequence[Row], metric: Name) -> NDArray[np.float64]:
        """A metric as an array rows × runs; runs of one column have the same seed, nan: there is none.

        In a table with several splits a column is a split.
        """
        values = [self._by_column(row, metric) for row in rows]
        seeds = sorted({seed for one in values for seed in one})
        return np.array([[one.get(seed, math.nan) for seed in seeds] for one in values]).reshape(len(rows), len(seeds))

    def _by_column(self, row: Row, metric: Name) -> dict[Any, float]:
        if self.table.splits > 1:
            return dict(self.by_split(row, metric))
        return {(row.experiment.train.seed, run): value for run, value in self.values(row, metric).items()}

    def compare(self, row: Row, other: Row, metric: Name) -> Comparison | None:
        """The difference row − other by the table's test: Welch's, or paired over the runs with the same seed.

        In a table with several splits it is paired over these, and corrected for their overlap. Where a paired one is
        asked for and they share fewer than two seeds, it is Welch's. None where one of them has no run.
        """
        a, b = self.values(row, metric), self.values(other, metric)
        if not a or not b:
            return None
        if self.table.splits > 1:
            one, two = self.by_split(row, metric), self.by_split(other, metric)
            both = sorted(one.keys() & two.keys())
            return statistics.paired([one[s] for s in both], [two[s] for s in both], self.overlap) if both else None
        same_seed = self.table.test == "paired" and row.experiment.train.seed == other.experiment.train.seed
        shared = sorted(a.keys() & b.keys()) if same_seed else []
        if len(shared) >= 2:
            return statistics.paired([a[run] for run in shared], [b[run] for run in shared])
        x, y = MetricSummary.of(list(a.values())), MetricSummary.of(list(b.values()))
        return statistics.compare(x.mean, x.deviation, x.n, y.mean, y.deviation, y.n)

    def against_reference(self, metric: Name) -> Mapping[str, Tested]:
        """Row's id → what is left of its difference from the reference row of its variable, after Holm's correction.

        One family are the rows of a variable; in a table of multi-task networks all rows. Rows that show the runs of
        the same experiment are one test, and what is not testable is none.
        """
        if metric not in self._tested:
            family = self._decided if self.table.at_most and metric == self.table.metric else self._family
            families = (family(variable, metric) for variable in self.table.variables)
            self._tested[metric] = {name: tested for family in families for name, tested in family}
        return self._tested[metric]

    def _family(self, variable: str, metric: Name) -> Iterator[tuple[str, Tested]]:
        reference = self.table.row(self.table.reference, variable)
        rows = [row for row in self.table.rows if row.variable == variable and row.line != reference.line]
        owners = {row.owner: row for row in rows if row.owner != reference.owner}
        compared = {owner: self.compare(row, reference, metric) for owner, row in owners.items()}
        ps = [one.p if one else math.nan for one in compared.values()]
        tests = sum(not math.isnan(p) for p in ps)
        tested = {
            owner: Tested(one, p, tests)
            for (owner, one), p in zip(compared.items(), statistics.holm(ps), strict=True)
        }  # fmt: skip
        return ((row.id, tested.get(row.owner, Tested(None, math.nan, tests))) for row in rows)

    def _decided(self, variable: str, metric: Name) -> Iterator[tuple[str, Tested]]:
        """As `_family`, where rows stop when they are decided."""
        found, tests = self.decisions[variable], self.tests(variable)
        for row in self.table.rows:
            if row.variable == variable and row.line != self.table.reference:
                decision = found.get(row.owner)  # none: the reference shows the same runs
                yield row.id, Tested(decision.comparison if decision else None, math.nan, tests, decision)

    @cached_property
    def decisions(self) -> Mapping[str, Mapping[str, Decision]]:
        """Variable → row's id → what the runs say of it so far; rows that show the runs of another are left out.

        Only of a table whose rows stop when they are decided.
        """
        return {variable: self._decisions(variable) for variable in self.table.variables}

    def _decisions(self, variable: str) -> dict[str, Decision]:
        reference = self.table.row(self.table.reference, variable).owner
        owners = [row for row in self.table.rows if row.variable == variable and not row.same_as]
        owners.sort(key=lambda row: row.id != reference)
        runs = range(1, self.table.most + 1)
        x = np.array([[self.values(row, self.table.metric).get(run, math.nan) for run in runs] for row in owners])
        return dict(zip([row.id for row in owners[1:]], decided(x, self.table.most, self.table.test), strict=True))

    def tests(self, variable: str) -> int:
        """How many rows of a variable are compared with its reference: as many tests, if all have enough runs."""
        reference = self.table.row(self.table.reference, variable).owner
        return len({row.owner for row in self.table.rows if row.variable == variable} - {reference})

    def best(self, rows: Sequence[Row], metric: Name) -> dict[str, bool]:
        """The ids of the rows that cannot be told from the best of their variable, which are set in bold.

        Returns:
            Row's id → whether it was judged: it has three runs or more, which vary. Nothing where no two rows were, nor
            in a table whose rows stop when they are decided.
        """
        found: dict[str, bool] = {}
        if self.table.at_most:  # how many runs a row has depends on what they said: `told_apart` does not hold
            return found
        for variable in dict.fromkeys(row.variable for row in rows):
            owners = {row.owner: row for row in rows if row.variable == variable and self.values(row, metric)}
            if len(owners) < 2:
                continue
            apart, judged = statistics.told_apart(self.seeded(list(owners.values()), metric), self.overlap)
            if judged.any():
                same = {owner: bool(judged[i]) for i, owner in enumerate(owners) if not apart[i]}
                found |= {row.id: same[row.owner] for row in rows if row.variable == variable and row.owner in same}
        return found


def _by_name(scores: Scores) -> dict[Name, float]:
    """Every metric that is defined, by its parts and by its name in a record."""
    metrics: dict[Name, float] = {}
    defined = scores.metrics()
    for parts, name in scores.names().items():
        if (value := defined.get(parts)) is not None:
            metrics[parts] = metrics[name] = value
    return metrics
