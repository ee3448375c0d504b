"""What the runs of an ablation table say: metrics of every row, and comparisons between rows.

A metric is a share in [0, 1]. It is meant by the parts of its name, ("place", "FR", "f1"), or by the name that
`outcome.Scores.names` gives it: `mean_f1`, `OA`, `place.f1`, `place.FR.f1`. Only runs that finished and were tested
count.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pydantic import BaseModel, ConfigDict

from silktune.data.dataset import Dataset
from silktune.outcome import Name, Outcome, Scores
from silktune.study import statistics
from silktune.study.ablation.table_model import Row, Table
from silktune.study.metric_summary import MetricSummary
from silktune.study.statistics import Comparison


class VariableFacts(BaseModel):
    """What a table says of a variable of the data set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    counts: dict[str, int]  # class of interest → images
    background: int  # images whose label is background


class SplitFacts(BaseModel):
    """Which split a data set has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    digest: str  # of which images are in which subset
    images: dict[str, int]  # subset → images
    split_seed: int
    min_records: int

    @classmethod
    def of(cls, data: Dataset) -> SplitFacts:
        settings = data.about["settings"]
        seed, min_records = settings["split_seed"], settings["min_records"]
        return cls(digest=data.split, images=data.about["subsets"], split_seed=seed, min_records=min_records)


class Facts(BaseModel):
    """What a table says of the data set that its rows were trained on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    digest: str
    images: int  # with a label, in a subset
    variables: tuple[VariableFacts, ...]
    split: SplitFacts | None = None  # None: a study that was begun before a split had a digest

    @classmethod
    def of(cls, data: Dataset) -> Facts:
        variables = tuple(
            VariableFacts(name=v.name, counts=dict(zip(v.classes, v.counts, strict=True)), background=v.background)
            for v in data.variables
        )
        return cls(
            name=data.name,
            digest=data.digest,
            images=int(data.labelled.sum()),
            variables=variables,
            split=SplitFacts.of(data),
        )

    def labelled(self, variable: str) -> float:
        """The share of the images that have a label of a class of interest (P23 §4)."""
        return sum(self.variable(variable).counts.values()) / self.images

    def variable(self, name: str) -> VariableFacts:
        return next(variable for variable in self.variables if variable.name == name)


@dataclass(frozen=True)
class Tested:
    """A comparison and what is left of it among the others that were made with it."""

    comparison: Comparison | None  # None: one of the two has no run, or they are the same experiment
    p_holm: float  # nan where it is not testable


class Results:
    """A table and the outcomes of its runs."""

    def __init__(self, table: Table, facts: Facts, outcomes: Mapping[str, Outcome]) -> None:
        """Takes in what is there.

        Args:
            table: the rows.
            facts: what the data set is.
            outcomes: trial → outcome, of all trials that have one; others are not looked at.
        """
        self.table, self.facts, self.outcomes = table, facts, outcomes
        self._scores: dict[str, dict[int, Scores]] = {}
        self._flat: dict[str, dict[int, dict[Name, float]]] = {}

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
        """The test scores of a row's runs, by run number."""
        if row.id not in self._scores:
            found = {run: self._outcome(row, run) for run in range(1, self.most_runs + 1)}
            self._scores[row.id] = {
                run: outcome.test for run, outcome in found.items()
                if outcome and outcome.state == "finished" and outcome.test
            }  # fmt: skip
        return self._scores[row.id]

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
            for run in range(1, self.runs + 1):
                outcome = self._outcome(row, run)
                if outcome and outcome.state == "failed" and not row.same_as:
                    said.append(f"row '{row.id}', run {run}: {outcome.reason}")
        return said

    def compare(self, row: Row, other: Row, metric: Name) -> Comparison | None:
        """The difference row − other: paired over the runs with the same seed; Welch where they share fewer than two.

        None where one of them has no run.
        """
        a, b = self.values(row, metric), self.values(other, metric)
        if not a or not b:
            return None
        same_seed = row.experiment.train.seed == other.experiment.train.seed
        shared = sorted(a.keys() & b.keys()) if same_seed else []
        if len(shared) >= 2:
            return statistics.paired([a[run] for run in shared], [b[run] for run in shared])
        one, two = MetricSummary.of(list(a.values())), MetricSummary.of(list(b.values()))
        return statistics.compare(one.mean, one.deviation, one.n, two.mean, two.deviation, two.n)

    def family(self, pairs: Iterable[tuple[Row, Row]], metric: Name) -> dict[tuple[str, str], Tested]:
        """The comparisons row − other that one question asks, with Holm's correction over them: one family of tests.

        The only definition of which comparisons count: two rows that show the runs of the same experiment are no test,
        the same runs compared in several places are one, and what is not testable is none.

        Returns:
            By the ids of row and other.
        """
        asked = {(row.id, other.id): (row, other) for row, other in pairs}
        tests = {(row.owner, other.owner): (row, other) for row, other in asked.values()}
        compared = {
            owners: self.compare(row, other, metric) for owners, (row, other) in tests.items() if len(set(owners)) == 2
        }
        adjusted = statistics.holm([one.p if one else math.nan for one in compared.values()])
        tested = {owners: Tested(one, p) for (owners, one), p in zip(compared.items(), adjusted, strict=True)}
        return {
            ids: tested.get((row.owner, other.owner), Tested(None, math.nan)) for ids, (row, other) in asked.items()
        }

    def against_best(self, rows: Sequence[Row], metric: Name) -> dict[str, float]:
        """Row's id → p, after Holm over all these rows, of being told from the best of its variable.

        The best is the row with the largest mean; it and what shows its runs have 1. nan: no test is possible. A row
        with fewer than two runs is not judged and not here; with fewer than two rows none is.
        """
        metrics = {row.id: found for row in rows if (found := self.summary(row, metric)) and found.n >= 2}
        judged = sorted((row for row in rows if row.id in metrics), key=lambda row: -metrics[row.id].mean)
        bests: dict[str, Row] = {}
        for row in judged:
            bests.setdefault(row.variable, row)
        pairs = [(row, best) for row in judged if (best := bests[row.variable]) is not row]
        tested = self.family(pairs, metric)
        ps = {row.id: 1.0 if row.owner == best.owner else tested[row.id, best.id].p_holm for row, best in pairs}
        return ps | {best.id: 1.0 for _, best in pairs}

    def not_separable(self, rows: Sequence[Row], metric: Name) -> set[str]:
        """The ids of the rows that cannot be told from the best of their variable at 5 %: to be set in bold."""
        return {name for name, p in self.against_best(rows, metric).items() if not p < statistics.SIGNIFICANCE}


def _by_name(scores: Scores) -> dict[Name, float]:
    """Every metric that is defined, by its parts and by its name in a record."""
    metrics: dict[Name, float] = {}
    defined = scores.metrics()
    for parts, name in scores.names().items():
        if (value := defined.get(parts)) is not None:
            metrics[parts] = metrics[name] = value
    return metrics
