"""What a table can find with its runs, and how many runs would find what it is meant to find; in sentences."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from silktune.study.ablation.results import Results
from silktune.study.metric_summary import TITLES
from silktune.study.statistics import CONFIDENCE, MOST_RUNS, runs_needed
from silktune.study.statistics.comparison import Test
from silktune.study.table import decision_sheet
from silktune.study.table.cell_text import points, runs_text

MOST_DEVIATIONS = 3.5  # a difference of more is rare: of P23's fifteen (Table 4) five are, of P22's places none
ENOUGH = range(2, 101)  # runs that are proposed in place of too few


@dataclass(frozen=True)
class Deviation:
    """How much the runs of a row differ by chance, over all rows alike."""

    size: float  # a share
    df: int

    @property
    def most(self) -> float:
        """That it may be as well: the upper end of its one-sided 95 % interval."""
        from scipy import special

        return self.size * math.sqrt(self.df / special.chdtri(self.df, CONFIDENCE))


def deviation(results: Results, variable: str) -> Deviation | None:
    """Of the table's metric over the rows of a variable, as the table's test needs it; None: no row has two runs.

    Of single runs for Welch's test; of the differences from the reference's run with the same seed for the paired one.
    """
    table = results.table
    owners = {row.owner: row for row in table.rows if row.variable == variable}
    runs = results.seeded(list(owners.values()), table.metric)
    if table.test == "paired":
        reference = list(owners).index(table.row(table.reference, variable).owner)
        runs = np.delete(runs - runs[reference], reference, 0)
    known = [row[np.isfinite(row)] for row in runs]
    df = sum(max(len(row) - 1, 0) for row in known)
    squares = sum(float(((row - row.mean()) ** 2).sum()) for row in known if len(row))
    return Deviation(math.sqrt(squares / df), df) if df and squares else None


def what_is_found(results: Results) -> list[str]:
    """Which differences so many runs can find at all, and how many runs would be needed for usual ones."""
    table, runs = results.table, results.runs
    tests, test = max(map(results.tests, table.variables)), _test(results)
    if runs < 2 or not tests:
        return []
    smallest = runs_needed.smallest_found(runs, tests, test)
    of = "of the differences between runs" if test == "paired" else "of a row's runs"
    sentence = (
        f"With {runs_text(runs)} of each row and {counted(tests)}, a difference of {smallest:.1f} times the standard "
        f"deviation {of}{_in_points(results, smallest)} is found in 4 of 5 cases, a smaller one less often."
    )
    if smallest > MOST_DEVIATIONS:
        enough = next(n for n in ENOUGH if runs_needed.smallest_found(n, tests, test) <= MOST_DEVIATIONS)
        found = runs_needed.smallest_found(enough, tests, test)
        sentence += f" So few runs can hardly tell rows apart: with --runs {enough} it would be {found:.1f} times."
    return [sentence]


def what_may_be_missed(results: Results) -> str:
    """Why a row in which no difference was shown may differ all the same."""
    seen = [(name, of) for name in results.table.variables if (of := deviation(results, name))]
    tests = max(map(results.tests, results.table.variables))
    if results.runs < 2 or not seen:
        return "more runs may show one"
    smallest = runs_needed.smallest_found(results.runs, tests, _test(results))
    sizes = ", ".join(f"{points(smallest * of.size)} points{f' ({name})' * bool(name)}" for name, of in seen)
    return f"with {runs_text(results.runs)} of each row, one that is smaller than {sizes} is easily missed"


def _in_points(results: Results, deviations: float) -> str:
    known = [(name, seen) for name in results.table.variables if (seen := deviation(results, name))]
    texts = [f"{points(deviations * seen.size)} points{f' ({name})' * bool(name)}" for name, seen in known]
    return f" (here {', '.join(texts)})" if texts else ""


def planned(results: Results) -> list[str]:
    """How many runs per row find the smallest effect of the table at the deviation seen, before they are made."""
    table, test = results.table, _test(results)
    effect, tests = table.smallest_effect, max(map(results.tests, table.variables))
    if not tests:
        return []
    if table.at_most:
        return [decision_sheet.rule(table, tests)]
    if effect is None:
        hint = "With smallest_effect: 1.0 (points) in the table's file, this says how many runs find such a difference."
        return [*what_is_found(results), hint]
    said = [
        f"To find a difference of {points(effect)} points in {TITLES[table.metric]} in 4 of 5 cases ({test} test, "
        f"p < 0.05 after Holm's correction for {counted(tests)}):"
    ]
    for name in table.variables:
        seen = deviation(results, name)
        sizes = (seen.size, seen.most) if seen else (0.01, 0.02)
        at, most = (_runs(effect, size, tests, test) for size in sizes)
        why = "the deviation seen" if seen else "a guess: no row has two runs yet"
        also = ", which the runs that are done do not rule out" * bool(seen)
        said.append(
            f"{f'{name}: ' * bool(name)}{at} runs of each row if they deviate by {points(sizes[0])} points, {why}; "
            f"{most} if they do by {points(sizes[1])}{also}."
        )
    return said


def counted(tests: int) -> str:
    return "1 test" if tests == 1 else f"{tests} tests"


def _runs(effect: float, size: float, tests: int, test: Test) -> str:
    runs = runs_needed.planned(effect / size, tests, test)
    return f"more than {MOST_RUNS:,}" if runs is None else f"{runs:,}"


def _test(results: Results) -> Test:
    return "paired" if results.table.test == "paired" else "Welch"
