"""A study's folder: its lock, which ends with its process, and its outcomes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from silktune.errors import SettingsError, StudyError
from silktune.settings import Experiment
from silktune.study.paths import StudyPaths, checked_name
from silktune.study.plan import AblationPlan
from tests.outcomes import outcome

HOLD = """
import sys; from pathlib import Path
from silktune.study.paths import StudyPaths, checked_name
from silktune.study.plan import AblationPlan
with StudyPaths(Path(sys.argv[1])).locked():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.timeout(60)
def test_another_process_holds_it_until_it_is_killed(tmp_path: Path) -> None:
    paths = StudyPaths(tmp_path / "study")
    command = [sys.executable, "-c", HOLD, str(paths.folder)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", cwd=root
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(StudyError) as caught, paths.locked():
            pass
        assert str(caught.value) == (
            f"{paths.folder} is being worked on by the process {process.pid}. Wait for it, or give this study another "
            "--name."
        )
        process.kill()
    assert process.returncode == -signal.SIGKILL
    with paths.locked():
        assert (paths.folder / ".lock").read_text(encoding="utf-8") == str(os.getpid())


def test_it_is_held_once_and_let_go(tmp_path: Path) -> None:
    paths = StudyPaths(tmp_path)
    with paths.locked(), pytest.raises(StudyError, match=str(os.getpid())), paths.locked():
        pass
    with paths.locked():
        pass


def test_outcomes_are_read_by_trial_in_the_order_of_their_names(tmp_path: Path) -> None:
    paths = StudyPaths(tmp_path)
    assert paths.outcomes() == {}
    for name, f1 in (("t002", 0.2), ("t000", 0.1), ("final-t000-r0", 0.3)):
        outcome(f1).write(paths.outcome(name))
    (tmp_path / "outcomes" / ".t003.json.part").write_text("{", encoding="utf-8")  # a kill while one was written
    (tmp_path / "outcomes" / ".t003.json").write_text("{", encoding="utf-8")
    found = paths.outcomes()
    assert list(found) == ["final-t000-r0", "t000", "t002"]
    assert found["t002"] == outcome(0.2)
    assert "t003" not in found


def test_where_everything_lies(tmp_path: Path) -> None:
    paths = StudyPaths(tmp_path)
    files = (paths.plan, paths.journal, paths.report, paths.trials_table, paths.winner, paths.ray)
    names = ["plan.json", "journal.log", "report.md", "trials.csv", "winner.yaml", ".ray"]
    assert [path.relative_to(tmp_path).as_posix() for path in files] == names
    assert paths.trial("t000") == tmp_path / "trials" / "t000"


class TestName:
    @pytest.mark.parametrize("name", ["study", "50% silk", "a#b?c", "Größe 絹", "x" * 200, "a.b", "~", "-"])
    def test_that_can_be_a_folder(self, name: str) -> None:
        assert checked_name(name) == name

    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("", "it is empty"), (" ", "it is empty"), (".", "it begins with a dot"), ("..", "it begins with a dot"),
            ("../x", "it begins with a dot"), ("a/b", "it has a slash in it"), ("/tmp/x", "it has a slash in it"),
            ("a\\b", "it has a slash in it"), ("a\nb", "signs in it that cannot be seen"), (" a", "signs in it"),
            ("a\0", "signs in it"), ("\ud800", "signs in it"), ("絹" * 96, "it has 288 bytes, and may have 200"),
        ],
    )  # fmt: skip
    def test_that_cannot_is_a_sentence(self, name: str, why: str) -> None:
        with pytest.raises(SettingsError) as caught:
            checked_name(name)
        assert str(caught.value).startswith(f"--name {name!r}: ")
        assert why in str(caught.value)

    @pytest.mark.parametrize("name", ["quick-絹" + "絹" * 96, "a/b", "..", "x" * 300])
    def test_that_nobody_gave_is_made_one(self, name: str, tmp_path: Path) -> None:
        intended = AblationPlan(command="", data="", weights="", table="", base=Experiment())
        folder = intended.paths(tmp_path, name, named=False).folder
        assert folder.parent == tmp_path
        folder.mkdir()
