"""How the winner of a search does on rare classes beside frequent ones, in sentences.

Rare is here what P22 and P23 call under-represented (minority, M_m): ζ < 1/K of a variable's labels. Background is no
class of interest and neither.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from silktune.data.variables import BACKGROUND
from silktune.outcome import Confusion, Scores, VariableScores


@dataclass(frozen=True)
class _Comparison:
    """One variable's test F1 for rare and for frequent classes, by the place of a class, means over the runs."""

    runs: Sequence[VariableScores]
    rare: Mapping[int, float]
    frequent: Mapping[int, float]

    @classmethod
    def of(cls, runs: Sequence[VariableScores]) -> Self:
        rare: dict[int, float] = {}
        frequent: dict[int, float] = {}
        for place, scores in enumerate(runs[0].classes):
            metrics = [f1 for run in runs if (f1 := run.classes[place].f1) is not None]
            if metrics and scores.name != BACKGROUND:
                (rare if scores.minority else frequent)[place] = statistics.fmean(metrics)
        return cls(runs, rare, frequent)

    def means(self) -> tuple[float, float]:
        return statistics.fmean(self.rare.values()), statistics.fmean(self.frequent.values())

    def sentence(self) -> str:
        rare, frequent = map(_percent, self.means())
        hardest = min(self.rare, key=lambda place: (self.rare[place], place))
        scores, f1 = self.runs[0].classes[hardest], self.rare[hardest]
        found = f"the hardest is {scores.name} with {_percent(f1)}" if f1 else f"{scores.name} is never found"
        details = [f"{scores.support} test image{'s' * (scores.support != 1)}", *self._taken_for(hardest)]
        total, of = len(self.rare) + len(self.frequent), self.runs[0].name
        return (
            f"{of}: F1 {rare} for the {len(self.rare)} rare of {total} classes, {frequent} for the others; "
            f"{found} ({', '.join(details)})."
        )

    def _taken_for(self, place: int) -> list[str]:
        """What images of a class are most often taken for, if they are."""
        counts = Confusion.total([run.confusion for run in self.runs]).counts
        wrong = {j: images for i, j, images in counts if i == place != j}
        names = self.runs[0].classes
        return [f"most often taken for {names[max(wrong, key=lambda j: wrong[j])].name}"] if wrong else []


def sentences(tests: Sequence[Scores], validations: Mapping[str, Sequence[Scores]]) -> tuple[str, ...]:
    """What the winner's test runs say of rare classes; nothing without a test, or where nothing can be compared.

    Args:
        tests: the scores of the winner's test runs.
        validations: what the trials that can be compared reached on the validation set, each in as many runs as it was
            chosen by; the winner first.
    """
    variables = [_Comparison.of(runs) for runs in zip(*(scores.variables for scores in tests), strict=True)]
    compared = [variable for variable in variables if variable.rare and variable.frequent]
    if not compared:
        return ()
    rare, frequent = map(statistics.fmean, zip(*(variable.means() for variable in compared), strict=True))
    overall = (
        "Classes with less than a K-th of the labels of a variable of K classes reach F1 "
        f"{_percent(rare)} on average, the others {_percent(frequent)}."
    )
    return (overall, *(variable.sentence() for variable in compared), *_better_trial(validations))


def _better_trial(validations: Mapping[str, Sequence[Scores]]) -> list[str]:
    """The trial that does best on rare classes, if that is another than the winner."""
    mean = {name: statistics.fmean(run.mean_f1 for run in runs) for name, runs in validations.items()}
    rare = {name: statistics.fmean(shares) for name, runs in validations.items() if (shares := _on_rare(runs))}
    best, winner = max(rare, key=lambda name: rare[name], default=""), next(iter(validations))
    if winner not in rare or rare[best] == rare[winner]:
        return []
    return [
        f"On the validation set trial {best} does better on rare classes than the winner, {winner}: F1 "
        f"{_percent(rare[best])} instead of {_percent(rare[winner])}, with a mean F1 of "
        f"{_percent(mean[best])} instead of {_percent(mean[winner])}."
    ]


def _on_rare(runs: Sequence[Scores]) -> list[float]:
    return [run.mean_f1_minority for run in runs if run.mean_f1_minority is not None]


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
