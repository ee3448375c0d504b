"""Studies of a released form go on in a silktune that has more settings: nothing is run twice, figures stay."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from silktune.api.studies import SearchStudy, open_study
from silktune.core import checkpoint, training_loop
from silktune.errors import StudyError
from silktune.orchestrate.sampler import SearchedTrials
from silktune.orchestrate.study_tracking import write
from silktune.outcome import Outcome
from silktune.storage import Storage
from silktune.study import ablation_folder
from silktune.study import plan as plans
from silktune.study.metadata import Metadata
from silktune.study.paths import StudyPaths
from silktune.study.plan import SearchPlan
from silktune.tracking.null_tracker import NoTracker
from tests.core.trainings import timeless
from tests.studies.kept import EPOCHS_DONE, INTERRUPTED, KEPT, data_of, go_on

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]
ADDED = """

class Train(Train):
    novelty: float = setting(0.25, origin="ours", neutral=0.25)
    caution: float = setting(0.5, origin="ours", neutral=0.0)  # those who begin now get something else than before
"""
NEUTRAL = "train.caution=0"


class Continued:
    """The kept studies, gone on with by this silktune and by one with two settings more."""

    def __init__(self, folder: Path) -> None:
        self.now, self.later, self.newer = (folder / name for name in ("now", "later", "newer"))
        for copy in (self.now, self.later):
            shutil.copytree(KEPT, copy)
        shutil.copytree(ROOT / "silktune", self.newer / "silktune", ignore=shutil.ignore_patterns("__pycache__"))
        with (self.newer / "silktune/settings/sections.py").open("a", encoding="utf-8") as sections:
            sections.write(ADDED)
        self.refused = self.go_on_later()
        done = self.go_on_later(NEUTRAL)
        assert done.returncode == 0, done.stderr
        self.seen_later = json.loads(done.stdout)
        self.seen_now = go_on(self.now, {})

    def go_on_later(self, *settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tests.studies.kept", str(self.later), *settings], cwd=self.newer, check=False,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(self.newer), str(ROOT)])},
            capture_output=True, text=True, encoding="utf-8",
        )  # fmt: skip


@pytest.fixture(scope="module")
def continued(tmp_path_factory: pytest.TempPathFactory) -> Continued:
    return Continued(tmp_path_factory.mktemp("kept"))


def outcomes(folder: Path, study: str) -> dict[str, Outcome]:
    found = dict(StudyPaths(folder / study).outcomes())
    assert found
    return found


@pytest.mark.parametrize("study", ["search", "ablation"])
class TestWithMoreSettings:
    def test_nothing_is_run_twice(self, continued: Continued, study: str) -> None:
        done = outcomes(KEPT, study)
        started = [words.split()[0] for words in continued.seen_later[study] if words.endswith(" started")]
        assert started[0] == {"search": INTERRUPTED, "ablation": "MTL-run2"}[study]
        assert not done.keys() & set(started)
        for name in done:
            file = f"{study}/outcomes/{name}.json"
            assert (continued.later / file).read_bytes() == (KEPT / file).read_bytes()

    def test_all_is_done_in_the_end(self, continued: Continued, study: str) -> None:
        names = {
            "search": {"t000", "t001", "t002", "t003"},
            "ablation": {f"{row}-run{run}" for row in ("MTL", "MTL-fo") for run in (1, 2)},
        }[study]
        assert names <= outcomes(continued.later, study).keys()

    def test_figures_and_fingerprints_are_those_of_without(self, continued: Continued, study: str) -> None:
        now, later = outcomes(continued.now, study), outcomes(continued.later, study)
        assert {name: timeless(one) for name, one in later.items()} == {n: timeless(one) for n, one in now.items()}
        assert continued.seen_later[study] == continued.seen_now[study]

    def test_the_plan_stays_as_it_was(self, continued: Continued, study: str) -> None:
        assert (continued.later / study / "plan.json").read_bytes() == (KEPT / study / "plan.json").read_bytes()


def test_the_checkpoint_is_gone_on_with(continued: Continued) -> None:
    searched = StudyPaths(KEPT / "search")
    plan = plans.read(searched)
    assert isinstance(plan, SearchPlan)
    trial = SearchedTrials.read(searched, plan.space).trials[INTERRUPTED]
    data = data_of(KEPT)
    kept = checkpoint.load(searched.place(INTERRUPTED), training_loop.identity(trial.seeded(), data))
    assert kept is not None
    assert len(kept.epochs) == EPOCHS_DONE
    epochs = outcomes(continued.later, "search")[INTERRUPTED].epochs
    assert epochs[:EPOCHS_DONE] == kept.epochs, "an epoch was trained again: its seconds are others"
    assert len(epochs) == EPOCHS_DONE + 1
    assert not Storage.of(continued.later / "search/trials" / INTERRUPTED).files()


def test_the_table_shows_the_run_of_before(continued: Continued) -> None:
    before = ablation_folder.results(StudyPaths(KEPT / "ablation"))
    now, later = (
        ablation_folder.results(StudyPaths(folder / "ablation")) for folder in (continued.now, continued.later)
    )
    for row in before.table.rows:
        assert later.values(row, "mean_f1") == now.values(row, "mean_f1")
        assert later.values(row, "mean_f1")[1] == before.values(row, "mean_f1")[1]
        assert list(later.values(row, "mean_f1")) == [1, 2]


def test_a_setting_that_would_change_it_is_refused_by_name(continued: Continued) -> None:
    assert continued.refused.returncode == 1
    assert "StudyError" in continued.refused.stderr
    assert "is another study: space.base.train.caution was 0.0, now 0.5. Give another" in continued.refused.stderr


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file with its time and its content."""
    found = {path for path in folder.rglob("*") if path.is_file()}
    assert len(found) > 5
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


@pytest.mark.parametrize(
    ("study", "kept", "state", "count"),
    [
        ("search", True, "interrupted", 3),
        ("search", False, "finished", 4),
        ("ablation", True, "finished", 2),
        ("ablation", False, "finished", 4),
    ],
)
def test_reading_one_changes_nothing(continued: Continued, study: str, kept: bool, state: str, count: int) -> None:
    paths = StudyPaths((KEPT if kept else continued.now) / study)
    before = files(paths.folder)
    plan = plans.read(paths)
    Metadata.read(paths, plan.command)
    written = write(plan, paths, NoTracker())
    assert (written.trials, written.missing) == (len(paths.outcomes()), [])
    opened = open_study(paths.folder)
    assert opened.state == state
    assert len(opened.trials if isinstance(opened, SearchStudy) else opened.runs) == count
    assert files(paths.folder) == before


def test_an_ablation_of_the_version_before_says_so(tmp_path: Path) -> None:
    paths = StudyPaths(tmp_path)
    paths.plan.write_text('{"study_id": "a", "what": {"kind": "ablation"}}', encoding="utf-8")
    kept = json.loads((KEPT / "ablation/table.json").read_bytes())
    kept["table"]["base"] = {"data": {"crop": "whole"}, "net": {}, "loss": {}, "train": {}}
    paths.table.write_text(json.dumps(kept), encoding="utf-8")
    with pytest.raises(StudyError, match=r"plan\.json is of another version of silktune, whose studies this one"):
        ablation_folder.results(paths)
