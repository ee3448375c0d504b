"""How often the intervals of `silktune.study.bootstrap` hold, on test sets with P23's class counts.

In each repetition a test set is drawn anew (a fifth of P23's images, in records of one or more images that share their
labels), and runs of two toy classifiers with new seeds predict it. Whether an image is found hard is in part its own
(alike for all runs), in part chance of the run; a seed moves the recall of every class, and of all together. The truth
is the mean over all repetitions. An interval of 95 % should hold it in 95 % of them.

    python -m benchmarks.coverage --json coverage.json
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from silktune.data.statistics import class_statistics
from silktune.data.variables import BACKGROUND
from silktune.outcome import ClassScores, VariableScores
from silktune.study import bootstrap
from silktune.study.bootstrap import Interval, Uncertainty

IMAGES = 48_912  # of which a fifth is the test set
TEST = 0.2
COUNTS = {  # P23 Table 1; the last one is background
    "place": (
        7998, 7379, 4708, 4700, 2353, 1399, 1294, 1097, 648, 593, 592, 479, 455, 357, 352, 228, 191, 146, 117, 115, 84,
        81, 73, 63, 60, 52, 46, 46, 42, 604,
    ),
    "material": (27252, 4208, 3891),
    "time": (9975, 8423, 4012, 3378, 1829, 685, 43, 104),
    "technique": (6861, 3051, 2768, 2526, 355, 185, 99, 67, 65, 44),
    "depiction": (2352, 336, 202, 138, 129, 116, 95, 73, 56),
}  # fmt: skip
RUNS = (3, 5, 10)
HARD = 0.8  # the share of an image's difficulty that is its own, in the correlation of two runs


@dataclass(frozen=True)
class Case:
    """One way in which test sets and runs are drawn."""

    images_per_record: int
    seeds: float  # how much a seed moves recalls, in units of the difficulty's deviation
    share: float = TEST  # of P23's images in the test set
    stratified: bool = True  # every test set has as many records of each class, one at least; False: drawn freely


@dataclass(frozen=True)
class Row:
    """What came of one case, one number of runs and one question, shares of the repetitions."""

    case: Case
    runs: int
    question: str  # a mean, a difference of independent runs, a paired one
    deviation: float  # of the value over repetitions: seeds and test set
    of_test_set: float  # by the bootstrap alone, on average
    seeds: float  # how often each interval held the truth
    test_set: float
    both: float


def variables() -> tuple[VariableScores, ...]:
    """P23's variables, of which only the classes matter."""
    return tuple(_variable(name, counts) for name, counts in COUNTS.items())


def _variable(name: str, counts: Sequence[int]) -> VariableScores:
    has_background = name != "material"
    rare = class_statistics(counts[:-1] if has_background else counts).minority_mask
    names = [f"{name} {k}" for k in range(len(rare))] + [BACKGROUND] * has_background
    none: dict[str, Any] = {"precision": None, "recall": None, "f1": None, "support": 0}
    classes = tuple(
        ClassScores(name=each, minority=minority, **none)
        for each, minority in zip(names, (*rare, False)[: len(names)], strict=True)
    )
    return VariableScores(
        name=name, f1=None, f1_with_background=None, f1_minority=None, OA=None, labelled=0, classes=classes,
        confusion=[[0] * len(classes)] * len(classes),
    )  # fmt: skip


class Toy:
    """Two classifiers and the collection that they are tested on."""

    def __init__(self, case: Case) -> None:
        self.case, self.variables = case, variables()
        self.records = round(IMAGES * case.share / case.images_per_record)
        self.shares = [np.array([*counts, IMAGES - sum(counts)]) / IMAGES for counts in COUNTS.values()]
        # Frequent classes are found more often, and the second classifier finds rare ones better, as with a focal loss.
        logs = [np.log10(np.array(counts) / max(counts)) for counts in COUNTS.values()]
        self.limits = [[0.6 + slope * log for log in logs] for slope in (0.9, 0.8)]

    def labels(self, chance: np.random.Generator) -> NDArray[np.int64]:
        """(N, M) of the images of one test set; −1 is unknown."""
        columns = [self._column(p, chance) for p in self.shares]
        labels = np.stack([np.where(c == len(p) - 1, -1, c) for c, p in zip(columns, self.shares, strict=True)], axis=1)
        return np.repeat(labels, self.case.images_per_record, axis=0).astype(np.int64)

    def _column(self, shares: NDArray[np.float64], chance: np.random.Generator) -> NDArray[np.int64]:
        """(records,) labels of one variable; the last one is unknown."""
        if not self.case.stratified:
            return chance.choice(len(shares), self.records, p=shares)
        counts = np.maximum(np.round(shares[:-1] * self.records), shares[:-1] > 0).astype(int)
        known = np.repeat(np.arange(len(counts)), counts)
        unknown = np.full(self.records - len(known), len(counts))
        return chance.permutation(np.concatenate([known, unknown]))

    def predictions(self, labels: NDArray[np.int64], n: int, chance: np.random.Generator) -> NDArray[np.int64]:
        """(2, n, N, M) of n runs of each classifier; runs of the same number share a part of their seed's effect."""
        N, M = labels.shape
        own = chance.standard_normal((self.records, M)).repeat(self.case.images_per_record, axis=0)
        confused = np.stack([chance.choice(len(p) - 1, N, p=p[:-1] / p[:-1].sum()) for p in self.shares], axis=1)
        found = np.empty((2, n, N, M), np.int64)
        for r in range(n):
            both = [chance.standard_normal(len(p) - 1) for p in self.shares]
            for c, m in itertools.product((0, 1), range(M)):
                alone = chance.standard_normal(len(self.shares[m]) - 1) + chance.standard_normal() / 2
                limit = self.limits[c][m] + self.case.seeds * (both[m] / 2 + alone)
                hard = HARD**0.5 * own[:, m] + (1 - HARD) ** 0.5 * chance.standard_normal(N)
                found[c, r, :, m] = np.where(hard < limit[labels[:, m]], labels[:, m], confused[:, m])
        return found


def simulate(case: Case, repetitions: int, seed: int, runs: Sequence[int] = RUNS, draws: int = 300) -> list[Row]:
    """How often the intervals of the mean F1, and of its difference between two classifiers, hold."""
    toy, chance, most = Toy(case), np.random.default_rng(seed), max(runs)
    weights = bootstrap.record_weights(toy.records, draws)
    rows = np.arange(toy.records).repeat(case.images_per_record)
    answers: dict[tuple[int, str], list[Uncertainty]] = {}
    for _ in range(repetitions):
        labels = toy.labels(chance)
        y = np.array([
            [bootstrap.resampled(labels, run, rows, toy.variables, weights)[("mean_f1",)] for run in classifier]
            for classifier in toy.predictions(labels, most, chance)
        ])  # fmt: skip
        for n in runs:
            a, b = ((each[:n, 0], each[:n, 1:]) for each in y)
            for question, answer in (
                ("mean", bootstrap.of_mean(*a)),
                ("difference, Welch", bootstrap.of_difference(*b, *a, paired=False)),
                ("difference, paired", bootstrap.of_difference(*b, *a, paired=True)),
            ):
                answers.setdefault((n, question), []).append(answer)
    truth = {q: float(np.mean([u.value for u in answers[most, q]])) for _, q in answers}
    return [_row(case, n, question, found, truth[question]) for (n, question), found in answers.items()]


def _row(case: Case, n: int, question: str, found: Sequence[Uncertainty], truth: float) -> Row:
    def held(intervals: Sequence[Interval]) -> float:
        return float(np.mean([each.low <= truth <= each.high for each in intervals]))

    width = np.mean([one.test_set.high - one.test_set.low for one in found])
    return Row(
        case, n, question, float(np.std([one.value for one in found], ddof=1)), float(width / 2 / 1.96),
        held([one.seeds for one in found]), held([one.test_set for one in found]), held([one.both for one in found]),
    )  # fmt: skip


CASES = (
    Case(images_per_record=1, seeds=0.1),
    Case(images_per_record=2, seeds=0.1),
    Case(images_per_record=1, seeds=0.4),
    Case(images_per_record=2, seeds=0.1, share=TEST / 16),
    Case(images_per_record=2, seeds=0.1, share=TEST / 16, stratified=False),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=500)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    start, found = time.monotonic(), []
    heads = ["test images", "a record", "classes", "seeds", "runs", "of", "deviation", "of the test set"]
    print(f"| {' | '.join([*heads, 'seeds', 'test set', 'both'])} |")
    print("|--:|--:|---|--:|--:|---|--:|--:|--:|--:|--:|")
    for case in CASES:
        for row in simulate(case, options.repetitions, seed=1):
            found.append(asdict(row))
            held = " | ".join(f"{100 * share:.1f}" for share in (row.seeds, row.test_set, row.both))
            drawn = "as many" if case.stratified else "by chance"
            print(
                f"| {IMAGES * case.share:,.0f} | {case.images_per_record} | {drawn} | {case.seeds} | {row.runs} "
                f"| {row.question} | {100 * row.deviation:.2f} | {100 * row.of_test_set:.2f} | {held} |", flush=True,
            )  # fmt: skip
    print(f"\n{options.repetitions} repetitions each, {time.monotonic() - start:.0f} s.")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
