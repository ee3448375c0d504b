"""A folder of runs that is moved or copied takes its record along, and the original stays as it is."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from silktune.errors import TrackingError
from silktune.tracking import store
from tests.tracking.samples import content, outcome, tracker


def write(runs: Path, *trials: str) -> None:
    one = tracker(runs)
    one.open({}, {})
    for trial in trials:
        one.trial("final", trial, {}, {})
        one.outcome(trial, outcome(1, tested=True))
    one.trial("final", "interrupted", {}, {})
    one.close(failed=False)


GOES_ON = """
import sys
from pathlib import Path
from tests.tracking.test_relocation import write
write(Path(sys.argv[1]), "f0", "interrupted")
"""  # in a process of its own: MLflow remembers where the artifacts of a run are


def files(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()}


def artifacts(runs: Path) -> set[str]:
    """Where the store says that its artifacts are."""
    client = store.open_store(store.uri(runs), runs).client
    (experiment,) = (one for one in client.search_experiments() if one.experiment_id != "0")
    found = client.search_runs([experiment.experiment_id])
    return {experiment.artifact_location, *(run.info.artifact_uri.rpartition("/mlflow-artifacts/")[0] for run in found)}


@pytest.mark.parametrize("original", ["gone", "there", "goes on", "an empty folder again"])
def test_the_record_of_a_moved_or_copied_folder_goes_on_in_it(original: str, runs: Path, tmp_path: Path) -> None:
    write(runs, "f0")
    before, new = content(runs), tmp_path / "new é"
    shutil.copytree(runs, new)
    if original in ("gone", "an empty folder again"):
        shutil.rmtree(runs)
    if original == "an empty folder again":
        (runs / "mlflow-artifacts").mkdir(parents=True)
    if original == "goes on":
        subprocess.run(
            [sys.executable, "-c", GOES_ON, str(runs)], cwd=Path(__file__).parents[2], check=True, timeout=90
        )
    kept = files(runs)
    said = f"the folder was moved or copied; its artifacts are in {new}/mlflow-artifacts now."
    assert [note.partition(".db: ")[2] for note in store.open_store(store.uri(new), new).notes] == [said]
    assert store.open_store(store.uri(new), new).notes == ()
    write(new, "f0", "interrupted", "f1")
    assert files(runs) == kept
    after = content(new)
    assert after["f0"] == before["f0"]
    assert after["f1"]["files"] == after["interrupted"]["files"] == before["f0"]["files"]
    assert artifacts(new) == {(new / "mlflow-artifacts").as_uri(), new.as_uri()}
    assert len(list((new / "mlflow-artifacts").rglob("test.json"))) == 3


def test_a_database_that_was_copied_without_its_artifacts_is_refused(runs: Path, tmp_path: Path) -> None:
    write(runs, "f0")
    new = tmp_path / "new"
    new.mkdir()
    shutil.copy(runs / "mlflow.db", new)
    with pytest.raises(TrackingError) as raised:
        write(new, "f0")
    assert str(raised.value) == (
        f"MLflow: {new}/mlflow.db is a copy of {runs}/mlflow.db, but its artifacts are still in "
        f"{runs}/mlflow-artifacts, where the original would be written to; "
        f"copy that folder to {new}/mlflow-artifacts too."
    )


def test_studies_of_another_folder_in_the_same_store_stay_where_they_are(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri(runs))
    write(other, "f0")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert artifacts(runs) == {(other / "mlflow-artifacts").as_uri(), other.as_uri()}


def test_a_link_to_a_folder_is_that_folder(runs: Path, tmp_path: Path) -> None:
    write(runs, "f0")
    (tmp_path / "link").symlink_to(runs)
    write(tmp_path / "link", "f0")
    assert artifacts(runs) == {(runs / "mlflow-artifacts").as_uri(), runs.as_uri()}


def test_what_was_deleted_moves_too(runs: Path, tmp_path: Path) -> None:
    write(runs, "f0")
    opened = store.open_store(store.uri(runs), runs)
    opened.client.delete_experiment(opened.experiment)
    runs.rename(tmp_path / "new")
    write(tmp_path / "new", "f0")
    assert artifacts(tmp_path / "new") == {
        (tmp_path / "new" / "mlflow-artifacts").as_uri(),
        (tmp_path / "new").as_uri(),
    }
    assert not runs.exists()
