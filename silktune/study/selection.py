"""Which trial of a search wins: a named rule, so that a reader can say which one it was.

A trial's value is that of one run, and the largest of many such values is large by luck too. So the leading trials are
confirmed: trained again with seeds that nothing was chosen by, and chosen by the mean over these runs alone.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from silktune.errors import StudyError
from silktune.outcome import Outcome, StopOn, write_whole
from silktune.settings import Experiment
from silktune.settings.identity import first_complaint
from silktune.study.metric_summary import MetricSummary
from silktune.study.paths import StudyPaths
from silktune.study.plan import Trial, confirm_group

RUNS = 3  # of a trial that is confirmed: two find four fifths of what three find, five a sixth more (benchmarks)
RULE = "the largest mean F1 on the validation set"
EPOCH: dict[StopOn, str] = {
    "L": "at the epoch with the smallest validation loss (P23 §5.1)",
    "C": "at the epoch with the smallest validation cross-entropy (train.stop_on=C)",
    "mean_f1": "in any epoch (train.stop_on=mean_f1)",
}
CONFIRMED_RULE = (
    "the largest mean F1 on the validation set, on average over runs with fresh seeds of the leading trials"
)


class Selection(BaseModel):
    """`selection.json`: how the winner is chosen, as the last command asked for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    confirm: int = Field(ge=0)  # so many leading trials are trained again; 0: the winner is that of single runs

    @classmethod
    def of(cls, paths: StudyPaths, asked: int | None, default: int) -> Selection:
        """As a person asked for it; else as the study was chosen from before, `default` where it has no winner yet.

        Raises:
            StudyError: the file of before holds something else.
        """
        if asked is not None:
            return cls(confirm=asked)
        if paths.selection.exists() or any(name.startswith("final-") for name in paths.outcomes()):
            return cls.read(paths)
        return cls(confirm=default)

    @classmethod
    def read(cls, paths: StudyPaths) -> Selection:
        """How the winner of a study is chosen; a study of before there was a choice has that of single runs.

        Raises:
            StudyError: the file holds something else.
        """
        if not paths.selection.exists():
            return cls(confirm=0)
        try:
            return cls.model_validate_json(paths.selection.read_bytes())
        except ValidationError as error:
            why = first_complaint(error)
            raise StudyError(f"{paths.selection} is none of this version of silktune ({why}). Delete it.") from error

    def write(self, paths: StudyPaths) -> None:
        """Write it, whole or not at all; what is there already is left as it is."""
        text = self.model_dump_json()
        if not paths.selection.exists() or paths.selection.read_text(encoding="utf-8") != text:
            write_whole(paths.selection, text)


@dataclass(frozen=True)
class Confirmation:
    """A trial's validation mean F1 in the search, and in runs with fresh seeds."""

    search: float
    fresh: MetricSummary

    @property
    def shrinkage(self) -> float:
        """By how much the search said too much."""
        return self.search - self.fresh.mean


@dataclass(frozen=True)
class Choice:
    """The trials that finished, the winner first, and what was found of those that were trained again."""

    ranking: tuple[str, ...]
    confirmed: Mapping[str, Confirmation]  # in the order of the ranking; empty: chosen by single runs
    stop_on: frozenset[StopOn] = frozenset({"L"})  # what the best epochs of these trials are best in

    @property
    def rule(self) -> str:
        if self.confirmed:
            return CONFIRMED_RULE
        by = EPOCH[next(iter(self.stop_on))] if len(self.stop_on) == 1 else "at the best epoch by its train.stop_on"
        return f"{RULE} {by}"

    def sentences(self) -> tuple[str, ...]:
        """What the fresh runs say of the search's values; nothing where there are none."""
        if not self.confirmed:
            return ()
        first = max(self.confirmed, key=lambda name: self.confirmed[name].search)
        found, winner = self.confirmed[first], self.confirmed[self.ranking[0]]
        runs = f"{found.fresh.n} fresh run{'s' * (found.fresh.n != 1)}"
        said = [
            f"A single value is partly luck, and the largest of many most of all: {first} had {_percent(found.search)} "
            f"in the search and has {_percent(found.fresh.mean)} in {runs}."
        ]
        if found is not winner:
            was = f"with {_percent(winner.fresh.mean)} there and {_percent(winner.search)} in the search"
            said.append(f"{self.ranking[0]} wins, {was}.")
        if len(self.confirmed) > 1:
            lost = statistics.fmean(one.shrinkage for one in self.confirmed.values())
            said.append(
                f"The {len(self.confirmed)} trials that were trained again {'lost' if lost >= 0 else 'gained'} "
                f"{100 * abs(lost):.1f} points on average."
            )
        return (" ".join(said),)


def ranked(outcomes: Mapping[str, Outcome]) -> list[str]:
    """The trials that finished, best first; of equals, the one that was begun first.

    Trials that were stopped early or failed cannot win.
    """
    finished = [name for name, outcome in outcomes.items() if outcome.state == "finished"]
    return sorted(finished, key=lambda name: (-outcomes[name].value, len(name), name))  # t1000 is after t999


def candidates(ranking: Iterable[Trial], confirm: int) -> list[Trial]:
    """The leading trials; of those with the same settings, whose values are the same, the first."""
    distinct: dict[Experiment, Trial] = {}
    for trial in ranking:
        distinct.setdefault(trial.experiment, trial)
    return list(distinct.values())[:confirm]


def choose(outcomes: Mapping[str, Outcome], fresh: Mapping[str, Outcome], selection: Selection) -> Choice:
    """The winner of a search and the order of the others.

    Those with the most fresh runs that finished come first, by the mean over these: one that fails with a seed is
    behind those that never do. A trial that was confirmed once stays in the choice, whatever trials come later.

    Args:
        outcomes: of the trials.
        fresh: of the runs of `confirm_runs`, by their ids; those of other trials are none of these.
        selection: how the winner is chosen.
    """
    order = ranked(outcomes)
    found = {name: _values(name, fresh) for name in order} if selection.confirm else {}
    confirmed = {
        name: Confirmation(outcomes[name].value, MetricSummary.of(values)) for name, values in found.items() if values
    }
    first = sorted(confirmed, key=lambda name: (-confirmed[name].fresh.n, -confirmed[name].fresh.mean))
    rest = [name for name in order if name not in confirmed]
    stop_on = frozenset(outcomes[name].stop_on for name in order) or frozenset({"L"})
    return Choice((*first, *rest), {name: confirmed[name] for name in first}, stop_on)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _values(name: str, fresh: Mapping[str, Outcome]) -> Sequence[float]:
    prefix = f"{confirm_group(name)}-run"
    return [one.value for run, one in fresh.items() if run.startswith(prefix) and one.state == "finished"]
