"""What is in MLflow after a study."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from silktune.outcome import Outcome
from silktune.tracking.mlflow_tracker import MlflowTracker
from tests import test_metric_names as metric_names
from tests.tracking.samples import content, epoch, outcome, settings, tracker


def test_trials_lie_under_the_study_and_final_runs_under_their_own_parent(runs: Path) -> None:
    one = tracker(runs)
    one.open({}, {})
    one.trial("trials", "t0", {}, {"mlflow.runName": "t0 γ 2"})
    one.trial("final", "f0", {}, {})
    one.summary("final", {"test.mean_f1.mean": 0.3, "test.mean_f1.std": 0.01})
    one.summary("trials", {"best": 0.4})
    seen = content(runs)
    parents = {name: run["tags"].get("mlflow.parentRunId") for name, run in seen.items()}
    assert parents == {
        "quick": None,
        "t0 γ 2": seen["quick"]["id"],
        "final runs": seen["quick"]["id"],
        "f0": seen["final runs"]["id"],
    }
    assert seen["final runs"]["points"] == {"test.mean_f1.mean": [(0, 0.3)], "test.mean_f1.std": [(0, 0.01)]}
    assert seen["quick"]["points"] == {"best": [(0, 0.4)]}
    assert {name: run["tags"]["silktune.group"] for name, run in seen.items()} == {
        "quick": "", "t0 γ 2": "trials", "final runs": "final", "f0": "final",
    }  # fmt: skip


ROWS = ("MTL^fo+R^all", "C* (place)", "trials", 'O\'Neil "a" % `b`\n/ λ_aux = ½')


def test_the_rows_of_a_table_lie_under_it_and_their_runs_under_them(runs: Path) -> None:
    for _ in range(2):  # the second time by another tracker, which finds what is there
        one = tracker(runs)
        one.open({}, {})
        for number, row in enumerate(ROWS):
            one.group(row, name=row, params={"loss.gamma": float(number)}, tags={"silktune.line": "C*"})
            one.trial(row, f"row{number}-run1", {}, {})
            one.summary(row, {"test.mean_f1.mean": number / 10, "test.mean_f1.std": 0.01})
    seen = content(runs)
    parents = {name: run["tags"].get("mlflow.parentRunId") for name, run in seen.items()}
    assert parents == (
        {"quick": None}
        | dict.fromkeys(ROWS, seen["quick"]["id"])
        | {f"row{number}-run1": seen[row]["id"] for number, row in enumerate(ROWS)}
    )
    for number, row in enumerate(ROWS):
        assert seen[row]["params"] == {"loss.gamma": str(number)}
        points = {"test.mean_f1.mean": [(0, number / 10)], "test.mean_f1.std": [(0, 0.01)]}
        assert (seen[row]["points"], seen[row]["tags"]["silktune.line"]) == (points, "C*")
        assert seen[f"row{number}-run1"]["tags"]["silktune.group"] == row


def test_a_row_may_get_another_name_and_tag_and_keeps_its_parameter(runs: Path) -> None:
    for name, question, gamma in (("C*", "Which?", 2.0), ("C* again", "Why?", 0.0)):
        one = tracker(runs)
        one.open({}, {})
        one.group("C*", name=name, params={"loss.gamma": gamma}, tags={"silktune.question": question})
    row = content(runs)["C* again"]
    assert row["params"] == {"loss.gamma": "2"}
    assert (row["tags"]["silktune.question"], row["tags"]["now.loss.gamma"]) == ("Why?", "0")


def test_a_group_that_a_trial_began_gets_its_name_later(runs: Path) -> None:
    one = tracker(runs)
    one.open({}, {})
    one.trial("C*", "t0", {}, {})
    assert set(content(runs)) == {"quick", "C* runs", "t0"}
    one.group("C*", name="C*", params={}, tags={})
    assert set(content(runs)) == {"quick", "C*", "t0"}


def test_a_finished_row_runs_again_only_with_one_of_its_trials(runs: Path) -> None:
    def begin(*trials: str) -> MlflowTracker:
        one = tracker(runs)
        one.open({}, {})
        for row in ("a", "b"):
            one.group(row, name=row, params={}, tags={})
        for trial in trials:
            one.trial("a", trial, {}, {})
        return one

    def statuses() -> dict[str, str]:
        return {name: run["status"] for name, run in content(runs).items()}

    first = begin("a1", "a2")
    first.outcome("a1", outcome(1))
    first.outcome("a2", outcome(1, state="failed", reason="out of memory"))
    first.close(failed=False)
    ended = {"a": "FINISHED", "b": "FINISHED", "a1": "FINISHED"}
    begin("a1", "a2")
    assert statuses() == ended | {"quick": "RUNNING", "a2": "FAILED"}
    begin("a1", "a2").epochs("a2", [epoch(2)])
    assert statuses() == ended | {"quick": "RUNNING", "a": "RUNNING", "a2": "RUNNING"}
    begin("a1", "a2").close(failed=False)
    assert statuses() == ended | {"quick": "FINISHED", "a2": "KILLED"}
    begin("a1", "a2", "a3")
    assert statuses() == ended | dict.fromkeys(("quick", "a", "a2", "a3"), "RUNNING")


def test_every_setting_is_a_parameter_under_its_dotted_name(runs: Path) -> None:
    one = tracker(runs)
    one.open({}, {})
    one.trial("trials", "t0", settings(net__NN_jfc=(1024, 32), data__variables=("a" * 7000,)), {})
    params = content(runs)["t0"]["params"]
    assert set(params) == set(settings())
    assert params["net.NN_jfc"] == "1024,32"
    assert params["train.learning_rate"] == "0.0001"
    assert len(params["data.variables"]) == 6000


def test_a_study_that_grows_keeps_its_parameter_and_says_the_new_value(runs: Path) -> None:
    for trials in (8, 16, 16):
        tracker(runs).open({}, {"study.trials": trials})
    (study,) = content(runs).values()
    assert study["params"] == {"study.trials": "8"}
    assert study["tags"]["now.study.trials"] == "16"


def test_an_epoch_has_all_its_figures_at_its_step(runs: Path) -> None:
    one = tracker(runs)
    one.open({}, {})
    one.trial("trials", "t0", {}, {})
    for number in (1, 2):
        one.epochs("t0", [epoch(number)])
    points = content(runs)["t0"]["points"]
    assert set(points) == set(epoch(1).flat())
    assert points["train.loss.C"] == [(1, 0.5), (2, 0.25)]
    assert points["validation.mean_f1"] == [(1, 0.1), (2, 0.2)]


@pytest.mark.parametrize(("state", "status"), [("finished", "FINISHED"), ("pruned", "KILLED"), ("failed", "FAILED")])
def test_an_outcome_ends_the_run(runs: Path, state: str, status: str) -> None:
    one = tracker(runs)
    one.open({}, {})
    one.trial("trials", "t0", {}, {})
    one.outcome("t0", outcome(2, state=state, reason="a reason"))  # type: ignore[arg-type]
    run = content(runs)["t0"]
    assert run["status"] == status
    assert (run["tags"]["silktune.state"], run["tags"]["silktune.reason"]) == (state, "a reason")
    assert run["points"]["best_epoch"] == [(0, 2)]
    assert run["points"]["seconds.total"] == [(0, 7.5)]
    assert run["points"]["validation.best.place.Naples_2f_Sicily.f1"] == [(0, 0.2)]
    assert run["files"] == ["confusion/validation.json"]


def test_a_tested_run_has_test_figures_and_pictures(runs: Path) -> None:
    one = tracker(runs)
    one.open({}, {})
    one.trial("final", "f0", {}, {})
    one.outcome("f0", outcome(2, tested=True))
    run = content(runs)["f0"]
    assert run["points"]["test.mean_f1"] == [(0, 0.25)]
    pictures = ["confusion/test/place.png", "confusion/test/époque.png"]
    assert run["files"] == ["confusion/test.json", *pictures, "confusion/validation.json"]
    folder = next((runs / "mlflow-artifacts").rglob("confusion"))
    assert json.loads((folder / "test.json").read_text(encoding="utf-8"))["place"] == {
        "classes": ["FR", "IT", "Naples/Sicily"],
        "true_by_predicted": [[3, 1, 1], [1, 3, 1], [1, 1, 3]],
    }
    assert (folder / "test" / "place.png").read_bytes().startswith(b"\x89PNG")


AWKWARD = {
    "place.of.origin": ["18th c."], "material": ["main.silk"], "material.main": ["silk"], "best": ["OA"],
    "loss": ["L"], "mean_f1": ["f1"], "OA": ["x"], "oa": ["x"], "seconds": ["total"], "京" * 96: ["a/b", "a_2f_b"],
}  # fmt: skip


def test_variables_and_classes_may_have_any_names(runs: Path) -> None:
    made = metric_names.scores(AWKWARD, 0.25)
    one = tracker(runs)
    one.open({}, {})
    one.trial("final", "f0", {}, {})
    ended = Outcome(state="finished", best_epoch=1, epochs=(metric_names.epoch(AWKWARD),), validation=made, test=made)
    one.outcome("f0", ended)
    run = content(runs)["f0"]
    assert len(run["points"]) == len(metric_names.epoch(AWKWARD).flat()) + 2 * len(made.metrics()) + 2
    assert all(len(points) == 1 for points in run["points"].values())
    assert run["points"]["validation.place.of.origin.f1"] == [(1, 0.5)]  # a curve, per epoch
    assert run["points"]["validation.best.OA"] == [(0, 0.25)]
    pictures = [name for name in run["files"] if name.endswith(".png")]
    assert len({name.lower() for name in pictures}) == len(AWKWARD)


def test_epochs_that_never_arrived_come_with_the_outcome(runs: Path) -> None:
    one = tracker(runs)
    one.open({}, {})
    one.trial("trials", "t0", {}, {})
    one.epochs("t0", [epoch(2)])
    later = tracker(runs)
    later.open({}, {})
    later.outcome("t0", outcome(3))
    assert [step for step, _ in content(runs)["t0"]["points"]["train.loss.L"]] == [1, 2, 3]


def test_an_outcome_killed_halfway_is_completed_without_a_point_twice(runs: Path) -> None:
    one = tracker(runs)
    one.open({}, {})
    one.trial("trials", "t0", {}, {})
    client, run_id = one.store.client, one._trials["t0"].id
    client.log_metric(run_id, "best_epoch", 3.0, step=0)  # all that arrived
    later = tracker(runs)
    later.open({}, {})
    later.trial("trials", "t0", {}, {})
    later.outcome("t0", outcome(3))
    run = content(runs)["t0"]
    assert run["points"]["best_epoch"] == [(0, 3)]
    assert run["points"]["seconds.total"] == [(0, 7.5)]
    assert run["status"] == "FINISHED"


def test_a_failed_trial_that_is_run_again_shows_its_new_end(runs: Path) -> None:
    one = tracker(runs)
    one.open({}, {})
    one.trial("trials", "t0", {}, {})
    one.outcome("t0", outcome(1, state="failed", reason="out of memory"))
    one.close(failed=True)
    assert content(runs)["quick"]["status"] == "FAILED"
    later = tracker(runs)
    later.open({}, {})
    later.trial("trials", "t0", {}, {})
    later.epochs("t0", [epoch(2)])
    assert {run["status"] for run in content(runs).values()} == {"RUNNING"}
    later.outcome("t0", outcome(2))
    later.close(failed=False)
    seen = content(runs)
    assert {run["status"] for run in seen.values()} == {"FINISHED"}
    assert seen["t0"]["tags"]["silktune.reason"] == ""


def test_a_trial_without_an_outcome_is_interrupted_and_goes_on(runs: Path) -> None:
    one = tracker(runs)
    one.open({}, {})
    one.trial("final", "f0", {}, {})
    one.close(failed=False)
    one.close(failed=False)
    seen = content(runs)
    assert (seen["f0"]["status"], seen["f0"]["tags"]["silktune.state"]) == ("KILLED", "interrupted")
    later = tracker(runs)
    later.open({}, {})
    later.trial("final", "f0", {}, {})
    assert {run["status"] for run in content(runs).values()} == {"RUNNING"}


@pytest.mark.parametrize("deleted", [["quick"], ["row"], ["r1"], ["quick", "row"], ["quick", "row", "r1", "t0", "t1"]])
def test_what_a_person_deleted_is_written_again_where_it_belongs(deleted: list[str], runs: Path) -> None:
    def write() -> MlflowTracker:
        one = tracker(runs)
        one.open({}, {})
        one.trial("trials", "t0", {}, {})
        one.outcome("t0", outcome(1))
        one.group("C*", name="row", params={}, tags={})
        one.trial("C*", "r1", {}, {})
        one.outcome("r1", outcome(1))
        return one

    client = write().store.client
    tracker_of_t1 = tracker(runs)
    tracker_of_t1.open({}, {})
    tracker_of_t1.trial("trials", "t1", {}, {})  # it has no outcome, so that nobody tells of it again
    before = content(runs)
    for name in deleted:
        client.delete_run(before[name]["id"])
    write().close(failed=False)
    after = content(runs)
    assert after.keys() == before.keys() - ({"t1"} & set(deleted))
    parents = {"t0": "quick", "t1": "quick", "row": "quick", "r1": "row"}
    for name in after.keys() - {"quick"}:
        assert after[name]["tags"]["mlflow.parentRunId"] == after[parents[name]]["id"]
    for name in after:
        assert (after[name]["id"] == before[name]["id"]) == (name not in deleted)
        assert after[name]["points"] == before[name]["points"]


def test_two_studies_share_a_store_and_not_their_runs(runs: Path) -> None:
    for study_id in ("a", "b"):
        one = tracker(runs, study_id)
        one.open({}, {})
        one.trial("trials", "t0", {}, {"mlflow.runName": f"t0 of {study_id}"})
        one._groups[""].write(tags={"mlflow.runName": f"study {study_id}"})
    assert set(content(runs)) == {"study a", "study b", "t0 of a", "t0 of b"}


def test_a_folder_is_an_artifact_too_and_a_missing_file_is_a_mistake(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "table.tex").write_text("&", encoding="utf-8")
    one = tracker(runs)
    one.open({}, {})
    one.artifact("", tmp_path / "report")
    assert content(runs)["quick"]["files"] == ["report/table.tex"]
    with pytest.raises(FileNotFoundError):
        one.artifact("", tmp_path / "nothing")


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.tracking.samples import epoch, outcome, tracker
one = tracker(Path(sys.argv[1]))
one.open({}, {})
one.trial("trials", "t0", {"loss.gamma": 2.0}, {})
one.epochs("t0", [epoch(1)])
one.epochs("t0", [epoch(2)])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_driver_goes_on_where_it_stopped(runs: Path) -> None:
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", KILLED, str(runs)], cwd=root, check=False)
    assert ended.returncode == -signal.SIGKILL
    later = tracker(runs)
    later.open({}, {})
    later.trial("trials", "t0", {"loss.gamma": 2.0}, {})
    for number in (2, 3):  # the checkpoint was older than the last word
        later.epochs("t0", [epoch(number)])
    later.outcome("t0", outcome(3))
    later.close(failed=False)
    seen = content(runs)
    assert set(seen) == {"quick", "t0"}
    assert [step for step, _ in seen["t0"]["points"]["seconds"]] == [1, 2, 3]
    assert {run["status"] for run in seen.values()} == {"FINISHED"}
