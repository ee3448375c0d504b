"""Data set, versions and git's state on a study's run."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from silktune.tracking.provenance import log_dataset, tags
from tests.tracking.samples import content, tracker

CLASSES = {"place": ["FR", "IT"], "time": ["XVIII"]}


def test_the_data_set_is_on_the_study_once(runs: Path, tmp_path: Path) -> None:
    digest = "0123456789abcdef" * 4
    for _ in range(2):
        one = tracker(runs)
        one.open({}, {})
        for _ in range(2):
            log_dataset(
                one, name="silknow", digest=digest, source=tmp_path / "pre pared", classes=CLASSES,
                profile={"images": 40, "records": 12},
            )  # fmt: skip
    run = content(runs)["quick"]
    assert run["inputs"] == [("silknow", digest[:36])]
    assert run["tags"]["silktune.dataset"] == digest
    (given,) = one.store.client.get_run(run["id"]).inputs.dataset_inputs
    assert {tag.key: tag.value for tag in given.tags} == {"mlflow.data.context": "training"}
    assert json.loads(given.dataset.profile) == {"images": 40, "records": 12, "classes": CLASSES}
    columns = json.loads(given.dataset.schema)["mlflow_colspec"]
    assert [column["name"] for column in columns] == ["image", "place", "time"]


def test_versions_and_command_are_tags(tmp_path: Path) -> None:
    made = tags("silktune search 'a b.yaml'", tmp_path)
    assert made["silktune.command"] == made["mlflow.source.name"] == "silktune search 'a b.yaml'"
    assert made["version.mlflow"].startswith("3.")
    assert {"version.python", "version.torch", "version.ray", "version.optuna", "version.numpy"} <= set(made)
    assert made["silktune.host"]


def test_git_is_said_where_there_is_a_repository(tmp_path: Path) -> None:
    assert not [name for name in tags("", tmp_path) if "git" in name]

    def git(*words: str) -> str:
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", "-C", str(tmp_path), *who, *words], check=True, capture_output=True, text=True, encoding="utf-8"
        )
        return done.stdout.strip()

    git("init", "-q")
    assert "git.commit" not in tags("", tmp_path)  # nothing committed yet
    (tmp_path / "a").write_text("1", encoding="utf-8")
    git("add", "a")
    git("commit", "-qm", "one")
    clean = tags("", tmp_path)
    assert (clean["git.commit"], clean["git.dirty"]) == (git("rev-parse", "HEAD"), "false")
    (tmp_path / "a").write_text("2", encoding="utf-8")
    assert tags("", tmp_path)["git.dirty"] == "true"


def test_without_git_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "git.commit" not in tags("", Path(__file__).parent)
