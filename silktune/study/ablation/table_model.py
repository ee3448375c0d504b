"""An ablation table as data: its rows, their trials, and the metrics that a paper printed beside them.

A *line* is what a reader of the table sees as one row. In a table of multi-task networks a line is one row; in a
table of single-task networks (`variables`) it is one row for every variable, each a network of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from silktune.safe_names import readable_part, with_digest
from silktune.settings import spell
from silktune.settings.identity import KeptExperiment
from silktune.study.plan import Trial

STEM = 80  # bytes of a row's id in the names of its files


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Printed(_Record):
    """A metric that a paper prints, as a share in [0, 1] like all metrics here."""

    mean: float
    deviation: float | None = None

    def __str__(self) -> str:
        """In percent, as the paper has it."""
        deviation = "" if self.deviation is None else f" ± {100 * self.deviation:.2f}"
        return f"{100 * self.mean:.1f}{deviation}"


class Row(_Record):
    """A variant: an experiment, named, and what it changes."""

    id: str  # unique: 'MTL^fo', 'C* (place)'
    line: str  # 'MTL^fo', 'C*'
    experiment: KeptExperiment
    changes: dict[str, Any]  # dotted name → value, against the base
    variable: str = ""  # in a table of single-task networks: the only one this row's network predicts
    paper: dict[str, Printed] = {}  # metric, as `Scores.flat` names it → what the paper prints
    same_as: str = ""  # the id of an earlier row with the same experiment, whose runs this row shows

    @property
    def owner(self) -> str:
        """The id of the row whose runs this one shows: its own, or that of the same experiment."""
        return self.same_as or self.id

    @property
    def changed(self) -> str:
        """What the row changes, as a person writes it."""
        return " ".join(f"{name}={spell(value)}" for name, value in self.changes.items())


class Table(_Record):
    """An ablation: rows over one base, compared with a reference."""

    name: str
    question: str
    paper: str = ""  # where the printed metrics come from
    runs: int  # of every row: the file's own, in a study as many as the last command asked for
    at_most: int | None = None  # runs of a row that is not decided earlier; None: every row has its `runs`
    splits: int = 1  # of the data set, which the runs take in turn
    reference: str  # a line
    base: KeptExperiment
    rows: tuple[Row, ...]
    metric: str = "mean_f1"  # the one that the table is to judge, one of `outcome.MEANS`; all others are exploratory
    test: Literal["welch", "paired"] = "welch"  # of a row against the reference
    smallest_effect: float | None = None  # the smallest difference worth finding, a share like all metrics
    best_of: str = ""  # the search whose winner the base is over: its folder, or a file like its winner.yaml

    @property
    def lines(self) -> tuple[str, ...]:
        """Every line once, in the order of the table."""
        return tuple(dict.fromkeys(row.line for row in self.rows))

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables of a table of single-task networks; of any other table ("",)."""
        return tuple(dict.fromkeys(row.variable for row in self.rows))

    @property
    def most(self) -> int:
        """The runs that a row may have."""
        return self.at_most or self.runs

    def row(self, line: str, variable: str = "") -> Row:
        """The row of a line; in a table of single-task networks that of a variable.

        Raises:
            KeyError: there is none.
        """
        for row in self.rows:
            if row.line == line and row.variable in ("", variable):
                return row
        raise KeyError(f"{line} ({variable})")

    def split(self, run: int) -> int:
        """Which split a run is of: 0 is that of the prepared data set."""
        return (run - 1) % self.splits

    def trial(self, row: Row, run: int) -> Trial:
        """A run of a row; rows with the same experiment share it."""
        owner = next(one for one in self.rows if one.id == row.owner)
        experiment = owner.experiment
        if split := self.split(run):
            experiment = experiment.with_({"data.split_seed": experiment.data.split_seed + split})
        return Trial(f"{self._stems()[owner.id]}-run{run}", owner.id, experiment, run)

    def trials(self, runs: int) -> Iterator[Trial]:
        """Run 1 of every row, then run 2, …: a first table stands early."""
        owners = [row for row in self.rows if not row.same_as]
        return (self.trial(row, run) for run in range(1, runs + 1) for row in owners)

    def _stems(self) -> Mapping[str, str]:
        """A name for the files of every row, which no other row has."""
        stems: dict[str, str] = {}
        for row in self.rows:
            stem = _plain(row.id)
            if len(stem.encode()) > STEM or stem.casefold() in {taken.casefold() for taken in stems.values()}:
                stem = with_digest(stem, row.id)
            stems[row.id] = stem
        return stems


def _plain(text: str) -> str:
    """A row's id as the name of a file that needs no quotes: 'C* (place)' → 'Cstar-place'."""
    words = text.replace("*", "star").replace("^", "-").replace(" + ", "+")
    return readable_part(words, STEM + 1) or "row"
