"""Ablation tables of a few rows, and outcomes made from numbers instead of trainings.

`MULTI_TASK` has P23's names and its printed figures, `SINGLE_TASK` P22's. The runs of a row get exactly the mean and
the deviation that a test asks for.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

from silktune.data.statistics import class_statistics
from silktune.outcome import ClassScores, Outcome, Scores, VariableScores
from silktune.settings import Experiment
from silktune.study.ablation.results import Results
from silktune.study.ablation.table_model import Printed, Row, Table
from silktune.study.data_facts import Facts, VariableFacts
from silktune.study.document import markdown
from silktune.study.document.parts import Sheet
from silktune.study.table import ablation_document

FACTS = Facts(
    name="silk",
    digest="0123456789abcdef",
    images=1000,
    variables=(
        VariableFacts(
            name="material", counts={"animal fibre": 540, "metal thread": 120, "vegetal_fibre": 60}, background=0
        ),
        VariableFacts(name="place", counts={"ES": 330, "FR": 300, "IT|VE": 70, "京都": 30}, background=25),
        VariableFacts(name="time", counts={"18th c.": 250, "19th c.": 330}, background=4),
    ),
)  # fmt: skip

UNEVEN = {"material": 1.4, "place": 0.5, "time": 1.1}  # F1 of a variable against the mean of the three

BASE = Experiment().with_({"net.trunk": "resnet18", "loss.gamma": 0.0, "loss.lambda_aux": 0.0})

MULTI_TASK_CHANGES: dict[str, dict[str, object]] = {
    "MTL": {},
    "MTL^fo": {"loss.gamma": 2.0},
    "MTL+R^all": {"loss.lambda_aux": 1.0},
    "MTL^fo+R^all": {"loss.gamma": 2.0, "loss.lambda_aux": 1.0},
}
MULTI_TASK_PAPER: dict[str, dict[str, tuple[float, float | None]]] = {  # P23 Tables 4, 5 and 6
    "MTL": {"mean_f1_with_background": (0.286, 0.0046), "OA": (0.639, 0.0021), "place.f1": (0.154, None)},
    "MTL^fo": {"mean_f1_with_background": (0.326, 0.0111), "OA": (0.659, 0.0066), "place.f1_minority": (0.104, None)},
    "MTL+R^all": {"mean_f1_with_background": (0.319, 0.0245), "OA": (0.662, 0.0044)},
    "MTL^fo+R^all": {"mean_f1_with_background": (0.336, 0.0103), "OA": (0.658, 0.0070)},
}  # fmt: skip
MULTI_TASK_F1 = {  # row → (mean, deviation) over its runs
    "MTL": (0.286, 0.0046),
    "MTL^fo": (0.326, 0.0111),
    "MTL+R^all": (0.319, 0.0245),
    "MTL^fo+R^all": (0.336, 0.0103),
}

SINGLE_TASK_CHANGES: dict[str, dict[str, object]] = {
    "C*": {},
    "C": {"train.sampling": "balanced"},
    "C* + sem": {"loss.lambda_aux": 1.0},
}
SINGLE_TASK_F1 = {
    "C* (material)": (0.376, 0.0037),
    "C (material)": (0.473, 0.0017),
    "C* + sem (material)": (0.392, 0.0279),
    "C* (place)": (0.176, 0.0083),
    "C (place)": (0.188, 0.0058),
    "C* + sem (place)": (0.182, 0.0122),
}  # P22 Table 4


def printed(figures: Mapping[str, tuple[float, float | None]]) -> dict[str, Printed]:
    return {name: Printed(mean=mean, deviation=deviation) for name, (mean, deviation) in figures.items()}


MULTI_TASK = Table(
    name="p23-small",
    question="Do focal training and clustering help the rare classes?",
    paper="P23, Tables 4, 5 and 6",
    runs=5,
    reference="MTL",
    base=BASE,
    rows=tuple(
        Row(id=name, line=name, experiment=BASE.with_(changes), changes=changes, paper=printed(MULTI_TASK_PAPER[name]))
        for name, changes in MULTI_TASK_CHANGES.items()
    ),
)

SINGLE_TASK = Table(
    name="p22-small",
    question="Does balanced sampling help single-task networks?",
    paper="P22, Table 4",
    runs=3,
    reference="C*",
    base=BASE,
    rows=tuple(
        Row(
            id=f"{line} ({variable})",
            line=line,
            experiment=BASE.with_(changes | {"data.variables": (variable,)}),
            changes=changes,
            variable=variable,
            paper=printed({f"{variable}.f1": SINGLE_TASK_F1[f"{line} ({variable})"]}),
        )
        for variable, (line, changes) in itertools.product(("material", "place"), SINGLE_TASK_CHANGES.items())
    ),
)


def spread(mean: float, deviation: float, n: int, shift: int = 0) -> list[float]:
    """Numbers of exactly this mean and standard deviation (n − 1), in an order of `shift`'s own."""
    steps = [math.sin(1.0 + 2.0 * (i + shift) + shift) for i in range(n)]
    centred = [step - sum(steps) / n for step in steps]
    scale = math.sqrt(sum(step**2 for step in centred) / (n - 1)) if n > 1 else 1.0
    return [mean + deviation * step / scale for step in centred]


def scores(f1: Mapping[str, float], facts: Facts = FACTS) -> Scores:
    """Test scores with the given F1 per variable; rarer classes are worse, background is never found."""
    variables = tuple(_variable(facts.variable(name), value) for name, value in f1.items())
    minority = [variable.f1_minority for variable in variables if variable.f1_minority is not None]
    return Scores(
        mean_f1=_mean([variable.f1 for variable in variables]),
        mean_f1_with_background=_mean([variable.f1_with_background for variable in variables]),
        mean_f1_minority=_mean(minority) if minority else None,
        OA=_mean([variable.OA for variable in variables]),
        variables=variables,
    )


def outcomes(
    table: Table, f1: Mapping[str, tuple[float, float]], runs: int = 0, facts: Facts = FACTS
) -> dict[str, Outcome]:
    """Trial → outcome of runs 1 … `runs` (0: all) of the rows in `f1`: id → (mean, deviation) of F1."""
    found = {}
    for shift, row in enumerate(row for row in table.rows if row.id in f1 and not row.same_as):
        names = (row.variable,) if row.variable else tuple(variable.name for variable in facts.variables)
        for run, value in enumerate(spread(*f1[row.id], runs or table.runs, shift), start=1):
            trial = table.trial(row, run)
            values = {name: value * (UNEVEN.get(name, 1.0) if len(names) > 1 else 1.0) for name in names}
            found[trial.id] = finished(values, trial.fingerprint(facts.digest), facts)
    return found


def finished(f1: Mapping[str, float], fingerprint: str = "", facts: Facts = FACTS) -> Outcome:
    """A finished run with the given test F1 per variable."""
    return Outcome(
        state="finished", best_epoch=7, validation=scores(f1, facts), test=scores(f1, facts), seconds=4.0,
        device="CPU", fingerprint=fingerprint,
    )  # fmt: skip


def table_md(results: Results, sheets: Sequence[Sheet]) -> str:
    """What table.md holds with these sheets."""
    return markdown.written(ablation_document.document(results, sheets))


def multi_task(runs: int = 0) -> Results:
    """The multi-task table with P23's means and deviations in every variable."""
    return Results(MULTI_TASK, FACTS, outcomes(MULTI_TASK, MULTI_TASK_F1, runs))


def single_task(runs: int = 0) -> Results:
    """The single-task table with P22's means and deviations."""
    return Results(SINGLE_TASK, FACTS, outcomes(SINGLE_TASK, SINGLE_TASK_F1, runs))


def _mean(values: list[float | None] | list[float]) -> float:
    return sum(value for value in values if value is not None) / len(values)


def _variable(facts: VariableFacts, f1: float) -> VariableScores:
    names = [*facts.counts, *(["background"] if facts.background else [])]
    support = [count // 5 for count in [*facts.counts.values(), facts.background][: len(names)]]
    rare = [*class_statistics(facts.counts).minority_mask, False]
    rank = sorted(facts.counts, key=lambda name: -facts.counts[name])
    found = [f1 * (1.5 - rank.index(name) / (len(rank) - 1)) for name in facts.counts]
    all_found = [*found, 0.0][: len(names)]
    classes = tuple(
        ClassScores(name=name, precision=value, recall=value, f1=value, support=n, minority=minority)
        for name, value, n, minority in zip(names, all_found, support, rare, strict=False)
    )
    minority_f1 = [value for value, minority in zip(found, rare, strict=False) if minority]
    return VariableScores(
        name=facts.name, f1=_mean(found), f1_with_background=_mean(all_found),
        f1_minority=_mean(minority_f1) if minority_f1 else None, OA=0.5 + f1 / 2, labelled=sum(support),
        classes=classes, confusion=_confusion(support, all_found, names.index(rank[0])),
    )  # fmt: skip


def _confusion(support: list[int], recall: list[float], largest: int) -> tuple[tuple[int, ...], ...]:
    """What is not recognised is taken for the largest class."""
    rows = [[0] * len(support) for _ in support]
    for k, (n, share) in enumerate(zip(support, recall, strict=True)):
        rows[k][k] = round(n * share)
        rows[k][largest] += n - rows[k][k]
    return tuple(map(tuple, rows))
