"""`silktune ablate` and `silktune table` as far as they go without a training; trainings: tests/orchestrate."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from silktune.cli.terminal import ablation_tables
from silktune.data.sample_data import collection
from silktune.orchestrate.estimate import Estimate
from silktune.orchestrate.executors.resources import Resources
from silktune.study import ablation_folder
from silktune.study.paths import StudyPaths
from tests.cli.run import silktune
from tests.study.tables import FACTS, MULTI_TASK, multi_task

SMALL = ("net.trunk=resnet18", "net.weights=none", "data.image_size=32", "--device", "cpu")
WRONG = """
question: What is wrong here?
base: {id: base, set: {net.trunk: resnet18, net.weights: none, data.image_size: 32}}
rows:
  - {id: misspelt, set: {loss.lamda_aux: 0}}
  - {id: outside, set: {net.dropout: 1.5}}
  - {id: one, set: {loss.gamma: 1}}
  - {id: two, set: {loss.gamma: 1.0}}
  - {id: the base again, set: {loss.gamma: 2}}
"""


@pytest.fixture(scope="module")
def woven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return collection.weave(tmp_path_factory.mktemp("woven"), 120, 0)


def test_everything_that_is_wrong_is_said_at_once_and_nothing_is_run(tmp_path: Path, woven: Path) -> None:
    (tmp_path / "wrong.yaml").write_text(WRONG, encoding="utf-8")
    done = silktune("ablate", "wrong.yaml", "--data", woven, "--reference", "none", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "wrong.yaml: row 'misspelt': loss.lamda_aux is no setting. Did you mean loss.lambda_aux?",
        "wrong.yaml: row 'outside': net.dropout cannot be 1.5: it should be less than 1.",
        "wrong.yaml: row 'two': is the same experiment as row 'one'. Take it out, or let it change something.",
        "wrong.yaml: row 'the base again': is the same experiment as the base 'base'. "
        "Take it out, or let it change something.",
    ]
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("ablate", "p32"), "'p32' is neither a file nor a shipped ablation table. Did you mean p23?"),
        (("ablate", "p23", "--reference", "MTL^f"), "has no such row. Did you mean MTL^fo?"),
        (("ablate", "p23", "--variables", "place"), "data.variables=place"),
        (("ablate", "p22", "--variables", "motif", *SMALL), "motif"),
        (("ablate", "p23", "--best-of", "nowhere"), "nowhere"),
    ],
)
def test_a_mistake_is_a_sentence(tmp_path: Path, woven: Path, words: tuple[str, ...], sentence: str) -> None:
    done = silktune(*words, "--data", woven, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_rows_that_the_data_rules_out_are_said_together_before_the_study_begins(tmp_path: Path, woven: Path) -> None:
    done = silktune("ablate", "p22", *SMALL, "--data", woven, "--variables", "place", cwd=tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    rows = (
        "rows 'C (place)', 'C+sem (place)', 'C+co (place)', 'C+co+sem (place)': train.batch_size is 180, but balanced"
    )
    assert line.startswith(rows)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["data"]


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_plan_says_everything_and_runs_nothing(tmp_path: Path, woven: Path) -> None:
    words = ("ablate", "p23", *SMALL, "--data", woven, "--plan", "--runs", "2", "train.max_epochs=2")
    done = silktune(*words, cwd=tmp_path, timeout=240)  # it measures steps of each kind of network
    assert done.returncode == 0, done.stderr
    for row in ("MTL", "MTL^fo", "MTL+R^sem", "MTL+R^all", "MTL^fo+R^sem", "MTL^fo+R^all"):
        assert re.search(rf"^{re.escape(row)} .* [0-9a-f]{{16}} +0/2 +\d+ min$", done.stdout, re.MULTILINE), row
    assert "12 trainings in 2 runs: 0 done, 12 left." in done.stdout
    assert "With 2 runs of each row and 5 tests, a difference of " in done.stdout
    assert re.search(r"About \d+ min, 1 at a time with \d+ CPU each, if .* an epoch takes \d", done.stdout)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["data"]


def test_the_plan_says_how_many_runs_find_what_matters() -> None:
    results, printed = multi_task(), io.StringIO()
    results.table = MULTI_TASK.model_copy(update={"smallest_effect": 0.01})
    estimate = Estimate(5, (), Resources(1, 1, 1.0, 0.0), (), results=results)
    ablation_tables.plan(Console(file=printed, width=200), estimate)
    said = printed.getvalue()
    assert "To find a difference of 1.00 points in F1 in 4 of 5 cases" in said
    assert "47 runs of each row if they deviate by 1.46 points, the deviation seen" in said


@pytest.fixture
def study(tmp_path: Path) -> StudyPaths:
    """A finished ablation whose outcomes were made by hand."""
    paths, results = StudyPaths(tmp_path / "study"), multi_task()
    ablation_folder.keep(MULTI_TASK, FACTS, paths)
    for trial, outcome in results.outcomes.items():
        outcome.write(paths.outcome(trial))
    return paths


def test_a_table_is_made_from_the_outcomes(study: StudyPaths) -> None:
    done = silktune("table", study.folder)
    assert done.returncode == 0, done.stderr
    for line in MULTI_TASK.lines:
        assert line in done.stdout
    assert "In words\n- MTL^fo is better than MTL in F1, by 2.64 to 5.36 points" in done.stdout
    assert {path.name for path in ablation_folder.files(study)} == {*ablation_folder.TABLES, "figures"}
    before = {path: path.read_bytes() for path in study.folder.rglob("*.*") if path.is_file()}
    assert silktune("table", study.folder).returncode == 0
    assert {path: path.read_bytes() for path in before} == before


def test_another_reference_can_be_chosen(study: StudyPaths) -> None:
    other = MULTI_TASK.lines[-1]
    done = silktune("table", study.folder, "--reference", other)
    assert f"F1: difference from {other} in percentage points" in done.stdout


def test_a_failed_cell_is_named_and_ends_with_3(study: StudyPaths) -> None:
    trial = MULTI_TASK.trial(MULTI_TASK.rows[0], 1)
    outcome = multi_task().outcomes[trial.id]
    failed = outcome.model_copy(update={"state": "failed", "reason": "The loss L is nan.", "test": None})
    failed.write(study.outcome(trial.id))
    done = silktune("table", study.folder)
    assert done.returncode == 3
    assert f"row '{MULTI_TASK.rows[0].id}', run 1: The loss L is nan." in done.stderr


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        (None, "", "is no study of silktune ablate: it has no table.json"),
        ("table.json", "{}", "is none of this version of silktune (table: Field required)"),
    ],
)
def test_what_is_no_ablation_is_said(tmp_path: Path, name: str | None, content: str, sentence: str) -> None:
    if name:
        (tmp_path / name).write_text(content, encoding="utf-8")
    done = silktune("table", tmp_path)
    assert done.returncode == 1
    assert sentence in done.stderr
