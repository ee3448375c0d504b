"""A study that goes on with other versions says so, and its record keeps all of them."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pytest

from silktune import versions
from silktune.data.dataset import Dataset
from tests.cli.studies import ABLATE, SEARCH, Studies

SENTENCE = "This study has been worked on with"


@pytest.mark.parametrize("command", [SEARCH, ABLATE], ids=["search", "ablation"])
def test_with_another_torch(
    command: tuple[str, ...], tmp_path: Path, tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    studies, now = Studies(tmp_path, tiny, monkeypatch), versions.versions()["torch"]
    with monkeypatch.context() as older:
        older.setattr(versions, "version", lambda name: "1.0" if name == "torch" else metadata.version(name))
        assert SENTENCE not in studies.begin(*command).output
    before = {path.name: path.read_bytes() for path in (studies.study / "outcomes").glob("*.json")}
    assert {json.loads(content)["versions"]["torch"] for content in before.values()} == {"1.0"}
    more = ("--runs", "3") if command == ABLATE else ("--final-runs", "3")
    output = studies.begin(*command, *more).output
    assert output.count(f"{SENTENCE} torch 1.0 and {now}: a difference") == 1
    written = json.loads((studies.study / "metadata.json").read_bytes())
    assert written["tags"]["version.torch"] == f"1.0, {now}"
    after = {path.name: path.read_bytes() for path in (studies.study / "outcomes").glob("*.json")}
    new = {json.loads(content)["versions"]["torch"] for name, content in after.items() if name not in before}
    assert new == {now}
    assert {name: after[name] for name in before} == before or command == ABLATE
