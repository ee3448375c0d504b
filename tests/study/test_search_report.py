"""The report of a search: its text, its table, and its winner as settings that can be used again."""

from __future__ import annotations

import csv
import io
import math
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silktune.settings import Experiment, parse
from silktune.study import space_file
from silktune.study.document import markdown as md
from silktune.study.metric_summary import MetricSummary
from silktune.study.paths import StudyPaths
from silktune.study.plan import SEARCHED, Trial
from silktune.study.search_report import SearchReport, document, override_line, settings_yaml, trials_csv, write
from silktune.study.selection import ranked
from tests.outcomes import outcome

GOLDEN = """\
# quick-silk

Does it run?

## Leading trials

Ranked by the largest mean F1 on the validation set at the epoch with the smallest validation loss (P23 §5.1).

|  | t001 | t000 |
| --- | ---: | ---: |
| validation mean F1 [%] | 30.0 | 20.0 |
| best epoch | 2 | 2 |
| loss.gamma | 0.3 | 2 |

## The winner

Trial t001:

```
net.NN_jfc=64,8 loss.gamma=0.30000000000000004
```

## Test set, mean ± standard deviation over 2 runs of the winner [%]

|  | F1 | F1 with background | F1 under-represented | OA |
| --- | ---: | ---: | ---: | ---: |
| **mean** | **26.0 ± 1.41** | **13.0 ± 0.71** | **–** | **52.0 ± 2.83** |
| place | 26.0 ± 1.41 | 13.0 ± 0.71 | – | 52.0 ± 2.83 |

Always naming the largest class: mean F1 12.5.

## Importance of the settings (fANOVA)

| setting | share |
| --- | ---: |
| loss.gamma | 0.75 |

## Trials that failed

- t002: no memory
"""


@pytest.fixture
def report() -> SearchReport:
    gammas = {"t000": 2.0, "t001": 0.1 + 0.2, "t002": 1.0}
    outcomes = {"t000": outcome(0.2), "t001": outcome(0.3), "t002": outcome(0.1, state="failed", reason="no memory")}
    trials = {
        name: (Trial(name, SEARCHED, Experiment().with_({"loss.gamma": gamma, "net.NN_jfc": [64, 8]})), outcomes[name])
        for name, gamma in gammas.items()
    }
    finals = {f"final-t001-r{run}": outcome(0.3 + run / 100, test=test) for run, test in enumerate((0.25, 0.27))}
    return SearchReport(
        name="quick-silk", question="Does it run?", trials=trials, ranking=ranked(outcomes),
        searched=["loss.gamma", "net.NN_jfc"], finals=finals, floor=0.125, importances={"loss.gamma": 0.75},
    )  # fmt: skip


def test_the_text(report: SearchReport) -> None:
    assert md.written(document(report)) == GOLDEN


def test_every_table_row_has_as_many_cells_as_its_head(report: SearchReport) -> None:
    lines = md.written(document(report)).splitlines()
    cells = [line.count("|") for line in lines if line.startswith("|")]
    assert len(cells) > 6
    tables = "\n".join(
        line if line.startswith("|") else "" for line in md.written(document(report)).splitlines()
    ).split("\n\n")
    tables = [table.strip() for table in tables if table.strip()]
    assert len(tables) == 3
    assert all(len({line.count("|") for line in table.splitlines()}) == 1 for table in tables)


def test_the_trials_as_csv(report: SearchReport) -> None:
    rows = list(csv.DictReader(io.StringIO(trials_csv(report))))
    assert [(row["trial"], row["state"], row["reason"]) for row in rows] == [
        ("t000", "finished", ""), ("t001", "finished", ""), ("t002", "failed", "no memory")
    ]  # fmt: skip
    assert float(rows[1]["loss.gamma"]) == 0.1 + 0.2
    assert rows[1]["net.NN_jfc"] == "64,8"


def test_figures_over_runs(report: SearchReport) -> None:
    figure = report.metrics()["mean_f1"]
    assert (figure.mean, figure.n) == (pytest.approx(0.26), 2)
    assert figure.deviation == pytest.approx(math.sqrt(2) * 0.01)
    assert str(figure) == "26.0 ± 1.41"
    single = MetricSummary.of([0.25])
    assert math.isnan(single.deviation)
    assert str(single) == "25.0"


def test_the_best_run_is_kept_by_its_validation(report: SearchReport) -> None:
    assert report.best_final() == "final-t001-r1"
    assert report.failures() == ["t002: no memory"]


EXPERIMENTS = st.builds(
    lambda gamma, rate, alpha, jfc, tfc, variables, seed: Experiment().with_({
        "loss.gamma": gamma, "train.learning_rate": rate, "loss.alpha_co": alpha, "net.NN_jfc": jfc, "net.NN_tfc": tfc,
        "data.variables": variables, "train.seed": seed,
    }),
    st.floats(0, 10), st.floats(1e-300, 1), st.floats(0, 1), st.lists(st.integers(1, 65536), min_size=1, max_size=3),
    st.lists(st.integers(1, 65536), max_size=3),
    st.sampled_from([(), ("place",), ("place", "time"), ("a,b", "2020", "of it's")]),
    st.integers(0, 2**62 - 1),
)  # fmt: skip


@given(EXPERIMENTS)
def test_the_line_of_settings_gives_the_same_experiment(experiment: Experiment) -> None:
    line = override_line(experiment)
    assert space_file.experiment("", dict(parse(word) for word in shlex.split(line))) == experiment


def test_the_line_of_the_defaults_is_empty() -> None:
    assert override_line(Experiment()) == ""


@given(EXPERIMENTS)
def test_the_file_of_settings_gives_the_same_experiment(
    tmp_path_factory: pytest.TempPathFactory, experiment: Experiment
) -> None:
    path = tmp_path_factory.getbasetemp() / "winner.yaml"
    path.write_text(settings_yaml(experiment, "two\nlines"), encoding="utf-8")
    assert path.read_text(encoding="utf-8").startswith("# two\n# lines\nset:\n")
    assert space_file.experiment(str(path), {}) == experiment


def test_all_files_are_written(report: SearchReport, tmp_path: Path) -> None:
    write(report, StudyPaths(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.md", "trials.csv", "winner.yaml"]
    assert space_file.experiment(str(tmp_path / "winner.yaml"), {}) == report.winner.experiment
    heading = (tmp_path / "winner.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert heading.startswith("# The winner of quick-silk, trial t001: the largest mean F1 on the validation set")
