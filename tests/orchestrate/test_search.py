"""`silktune search` end to end, undisturbed and disturbed, on the local executor with a real SQLite MLflow."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import mlflow
import pytest

from silktune.settings import Experiment
from tests.orchestrate.conftest import LIMIT, Bench, by_trial, kill_driver, runs_of, same_winner, wait_for
from tests.tracking.samples import template
from tests.tracking.stores import record

__all__ = ["template"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3 * LIMIT)]

Undisturbed = tuple[Bench, int, str]
TRIALS = {"t000", "t001", "t002", "t003"}


def test_ends_with_a_tested_winner(undisturbed: Undisturbed) -> None:
    bench, status, output = undisturbed
    assert status == 0, output
    assert "Test set, mean ± standard deviation over 2 runs of the winner" in output
    assert "Traceback" not in output
    assert "warn" not in output.lower(), output
    outcomes = bench.outcomes()
    winner = re.search(r"The winner is (t\d{3})", output)
    assert winner
    order = sorted(TRIALS, key=lambda t: (-outcomes[t]["validation"]["mean_f1"], t))
    confirmed = {t: [f"confirm-{t}-run{r}" for r in (1, 2, 3)] for t in order[:2]}
    runs = {run for runs in confirmed.values() for run in runs}
    assert set(outcomes) == TRIALS | runs | {f"final-{winner[1]}-run{r}" for r in (1, 2)}
    means = {t: sum(outcomes[run]["validation"]["mean_f1"] for run in confirmed[t]) / 3 for t in confirmed}
    assert winner[1] == max(means, key=lambda t: means[t])
    assert f"and has {100 * means[order[0]]:.1f} in 3 fresh runs" in " ".join(output.split())


def test_only_final_runs_see_the_test_set(undisturbed: Undisturbed) -> None:
    for name, outcome in undisturbed[0].outcomes().items():
        assert (outcome["test"] is not None) == name.startswith("final"), name


def test_every_run_has_a_seed_of_its_own(undisturbed: Undisturbed) -> None:
    """A winner is chosen by runs that did not lead to it, and tested by runs that it was not chosen by."""
    outcomes = undisturbed[0].outcomes()
    (winner,) = {name.split("-")[1] for name in outcomes if name.startswith("final")}
    of_winner = [outcome["fingerprint"] for name, outcome in outcomes.items() if winner in name]
    assert len(of_winner) == 1 + 3 + 2
    assert len(set(of_winner)) == len(of_winner)
    first, second = (outcome for name, outcome in outcomes.items() if name.startswith("final"))
    assert first["epochs"] != second["epochs"]


def test_leaves_only_what_is_needed(undisturbed: Undisturbed) -> None:
    folder = undisturbed[0].folder / "runs/study"
    assert not list(folder.rglob("checkpoint.pt"))
    assert len(list(folder.rglob("model.json"))) == 2
    assert {path.name for path in folder.iterdir() if not path.name.startswith(".")} == {
        "plan.json", "metadata.json", "journal.log", "outcomes", "trials", "selection.json", "baselines.json",
        "report.md", "trials.csv",
        "winner.yaml",
    }  # fmt: skip
    assert not (folder / ".ray").exists()


def test_mlflow_has_the_whole_study(undisturbed: Undisturbed) -> None:
    bench = undisturbed[0]
    trials = by_trial(bench)
    assert set(trials) == set(bench.outcomes())
    assert all(len(runs) == 1 for runs in trials.values())
    study = next(run for run in runs_of(bench) if run.info.run_name == "study")
    groups = {run.info.run_name: run for run in runs_of(bench) if run.info.run_name.endswith(" runs")}
    (finals,) = (run for name, run in groups.items() if name.startswith("final-"))
    confirmed = [run for name, run in groups.items() if name.startswith("confirm-")]
    assert len(confirmed) == 2
    for run in confirmed:
        assert run.data.tags["mlflow.parentRunId"] == study.info.run_id
        assert run.data.params["train.learning_rate"]
        metrics = run.data.metrics
        assert metrics["search.mean_f1"] - metrics["confirmed.mean_f1.mean"] == metrics["shrinkage.mean_f1"]
    best = max(run.data.metrics["confirmed.mean_f1.mean"] for run in confirmed)
    assert study.data.metrics["confirmed.mean_f1.mean"] == best
    assert trials["t000"][0].data.tags["mlflow.parentRunId"] == study.info.run_id
    assert finals.data.tags["mlflow.parentRunId"] == study.info.run_id
    tested = next(runs[0] for name, runs in trials.items() if name.startswith("final"))
    assert tested.data.tags["mlflow.parentRunId"] == finals.info.run_id
    assert set(Experiment().flat()) <= set(trials["t000"][0].data.params)
    assert {"test.mean_f1.mean", "test.mean_f1.std"} <= set(finals.data.metrics)
    for tag in ("silktune.fingerprint", "silktune.seed", "silktune.run"):
        assert trials["t000"][0].data.tags[tag]
    for tag in ("silktune.command", "version.torch", "version.ray", "silktune.dataset"):
        assert study.data.tags[tag]
    assert study.inputs.dataset_inputs[0].dataset.digest in study.data.tags["silktune.dataset"]
    assert finals.outputs.model_outputs, "the winner's model is not there"


def test_every_epoch_is_in_mlflow_once(undisturbed: Undisturbed) -> None:
    bench = undisturbed[0]
    client = mlflow.MlflowClient(f"sqlite:///{bench.folder / 'runs/mlflow.db'}")
    run = by_trial(bench)["t001"][0]
    history = client.get_metric_history(run.info.run_id, "validation.mean_f1")
    assert [metric.step for metric in history] == list(range(1, len(bench.outcomes()["t001"]["epochs"]) + 1))
    figures = [epoch["validation"]["mean_f1"] for epoch in bench.outcomes()["t001"]["epochs"]]
    assert [metric.value for metric in history] == figures


def test_its_record_is_written_again_into_an_empty_store(
    undisturbed: Undisturbed, template: Path, tmp_path: Path
) -> None:
    bench = undisturbed[0]
    shutil.copy(template, tmp_path / "other.db")
    other = f"sqlite:///{tmp_path / 'other.db'}"
    status, output = bench.silktune("mlflow", "sync", "runs/study", uri=other)
    assert status == 0, output
    assert record(other) == record(f"sqlite:///{bench.folder / 'runs/mlflow.db'}")


def test_the_same_command_again_trains_nothing(undisturbed: Undisturbed) -> None:
    bench, _, before = undisturbed
    times = {path: path.stat().st_mtime_ns for path in (bench.folder / "runs/study/outcomes").iterdir()}
    status, output = bench.run_here()
    assert status == 0, output
    assert {path: path.stat().st_mtime_ns for path in (bench.folder / "runs/study/outcomes").iterdir()} == times
    assert output.split("Leading trials")[1] == before.split("Leading trials")[1]
    assert all(len(runs) == 1 for runs in by_trial(bench).values())


def test_another_plan_under_the_same_name_is_refused(undisturbed: Undisturbed) -> None:
    status, output = undisturbed[0].run_here("train.max_epochs=3")
    assert status == 1
    assert "train.max_epochs was 4, now 3" in output
    assert "Traceback" not in output


def test_a_driver_that_is_killed_changes_nothing(bench: Bench, undisturbed: Undisturbed) -> None:
    """Among the trials, among the runs that confirm the leading ones, and in the final runs."""
    folder = bench.study
    process = bench.start()
    wait_for("outcomes/[!.]*.json", folder, 1, process)
    wait_for("trials/t*/checkpoint.pt", folder, 1, process)  # another trial has begun
    kill_driver(process)
    process = bench.start()
    wait_for("outcomes/confirm-*-run2.json", folder, 1, process)
    kill_driver(process)
    process = bench.start()
    wait_for("trials/final-*/checkpoint.pt", folder, 1, process)
    kill_driver(process)
    finished = {path: path.stat().st_mtime_ns for path in (folder / "outcomes").glob("[!.]*.json")}
    assert 10 <= len(finished) < 12, "killed too late to mean anything"
    status, output = bench.run()
    assert status == 0, output
    assert {path: path.stat().st_mtime_ns for path in finished} == finished, "a finished trial was run again"
    assert bench.outcomes() == undisturbed[0].outcomes()
    same_winner(bench, undisturbed[0])
    assert all(len(runs) == 1 for runs in by_trial(bench).values())


def test_more_trials_are_added_to_a_finished_search(bench: Bench) -> None:
    """What was confirmed before is not trained again, and stays in the choice."""
    words = ("--sampler", "random", "--seed", "3", "--final-runs", "1", "--confirm", "1")
    status, output = bench.run_here(*words, "--trials", "1")
    assert status == 0, output
    before = bench.outcomes()
    assert set(before) == {"t000", "final-t000-run1", *(f"confirm-t000-run{r}" for r in (1, 2, 3))}
    status, output = bench.run_here(*words, "--trials", "3")
    assert status == 0, output
    outcomes = bench.outcomes()
    assert {name for name in outcomes if name.startswith("t")} == {"t000", "t001", "t002"}
    assert {name: outcomes[name] for name in before} == before
    leading = max(("t000", "t001", "t002"), key=lambda t: outcomes[t]["validation"]["mean_f1"])
    assert {name.split("-")[1] for name in outcomes if name.startswith("confirm")} == {"t000", leading}
    status, output = bench.run_here(*words, "--trials", "3")
    assert bench.outcomes() == outcomes


def test_a_trial_that_fails_is_recorded_and_the_rest_goes_on(bench: Bench) -> None:
    """A learning rate of 1 with these settings ends in a loss that is not a number; the others do not."""
    status, output = bench.run_here(
        "net.trunk=resnet18",
        "train.learning_rate=1",
        "net.dropout=0",
        "net.NB_RN=8",
        "loss.gamma=0",
        "train.max_epochs=12",
    )
    assert status == 3, output
    assert "train.learning_rate" in output
    assert "Traceback" not in output
