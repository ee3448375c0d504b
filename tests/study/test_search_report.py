"""The report of a search: its text, its table, and its winner as settings that can be used again."""

from __future__ import annotations

import csv
import io
import math
import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from silktune.settings import Experiment, parse
from silktune.study import space_file
from silktune.study.baselines import Baseline, Baselines
from silktune.study.document import markdown as md
from silktune.study.importances import Importances
from silktune.study.metric_summary import MetricSummary
from silktune.study.paths import StudyPaths
from silktune.study.plan import SEARCHED, Trial
from silktune.study.resampled_runs import Resampled
from silktune.study.search_report import SearchReport, document, override_line, settings_yaml, trials_csv, write
from silktune.study.selection import Selection, choose
from tests.outcomes import outcome, scores

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

Of another test set nothing can be said: these runs are of before predictions for each image were kept.

## Without a network, on the same test images [%]

|  | F1 | F1 with background | F1 under-represented | OA |
| --- | ---: | ---: | ---: | ---: |
| largest class | 12.5 | 6.2 | – | 25.0 |

No features.

## Importance of the settings (fANOVA)

For the validation mean F1 of 2 trials, each at its best epoch.

| setting | share | trials |
| --- | ---: | ---: |
| loss.gamma | 0.75 | 2 |
| loss.tau | 0.50 | 1 |

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
    baselines = Baselines(found=(Baseline(name="largest class", scores=scores(0.125)),), missing=("No features.",))
    return SearchReport(
        name="quick-silk", question="Does it run?", trials=trials, choice=choose(outcomes, {}, Selection(confirm=0)),
        searched=["loss.gamma", "net.NN_jfc"], finals=finals, baselines=baselines,
        importances=Importances(2, {"loss.gamma": 0.75}, active={"loss.tau": (0.5, 1)}),
    )  # fmt: skip


def test_the_text(report: SearchReport) -> None:
    assert md.written(document(report)) == GOLDEN


def test_how_sure_the_tested_figures_are(report: SearchReport) -> None:
    tests = {name: outcome.test for name, outcome in report.finals.items() if outcome.test}
    runs = {
        name: {parts: value + 0.01 * np.random.default_rng(0).standard_normal(300) for parts, value in metrics.items()}
        for name, metrics in ((name, scores.metrics()) for name, scores in tests.items())
    }
    sure = replace(report, resampled=Resampled(60, runs))
    first, second = sure.sureness()
    intervals = r"\[13\.3, 38\.7\] over seeds, \[24\.\d, 2\d\.\d\] over test sets, \[.+\] over both\."
    assert re.fullmatch(rf"Mean F1 26\.0: {intervals}", first)
    assert "the 60 records of the test set" in second
    sheet = sure.tested()
    assert sheet.columns[-1] == "F1 over both"
    assert first.endswith(f"{sheet.rows[0][-1].text} over both.")
    assert f"{first}\n\n{second}\n\n## Without a network" in md.written(document(sure)).replace("\\[", "[")


CONFIRMED = """\
Ranked by the largest mean F1 on the validation set, on average over runs with fresh seeds of the leading trials.

|  | t000 | t001 |
| --- | ---: | ---: |
| validation mean F1 [%] | 20.0 | 30.0 |
| in 3 fresh runs [%] | 21.0 ± 1.00 | 20.0 ± 1.41 (n = 2) |
| shrinkage [points] | -1.0 | 10.0 |
| best epoch | 2 | 2 |
| loss.gamma | 2 | 0.3 |

A single value is partly luck, and the largest of many most of all: t001 had 30.0 in the search and has 20.0 in 2 \
fresh runs. t000 wins, with 21.0 there and 20.0 in the search. The 2 trials that were trained again \
lost 4.5 points on average.
"""


@pytest.fixture
def confirmed(report: SearchReport) -> SearchReport:
    values = {"t000": (0.2, 0.21, 0.22), "t001": (0.19, 0.21)}
    fresh = {f"confirm-{name}-run{r}": outcome(f1) for name, f1s in values.items() for r, f1 in enumerate(f1s, 1)}
    fresh["confirm-t001-run3"] = outcome(0.9, state="failed", reason="no number")
    outcomes = {name: ended for name, (_, ended) in report.trials.items()}
    return replace(report, choice=choose(outcomes, fresh, Selection(confirm=5)), fresh=fresh)


def test_trials_that_were_trained_again_say_how_much_was_luck(confirmed: SearchReport) -> None:
    assert CONFIRMED in md.written(document(confirmed))
    assert confirmed.failures() == ["t002: no memory", "confirm-t001-run3: no number"]
    rows = list(csv.DictReader(io.StringIO(trials_csv(confirmed))))
    assert [row["confirmed_mean_f1"] for row in rows] == ["0.210000", "0.200000", ""]


def test_every_table_row_has_as_many_cells_as_its_head(report: SearchReport) -> None:
    lines = md.written(document(report)).splitlines()
    cells = [line.count("|") for line in lines if line.startswith("|")]
    assert len(cells) > 6
    tables = "\n".join(
        line if line.startswith("|") else "" for line in md.written(document(report)).splitlines()
    ).split("\n\n")
    tables = [table.strip() for table in tables if table.strip()]
    assert len(tables) == 4
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
