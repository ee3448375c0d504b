"""The search's journal, without Ray: what it hands out, before and after a restart."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from optuna.trial import TrialState

from silktune.errors import SpaceError, StudyError
from silktune.orchestrate.sampler import OptunaSource, SearchedTrials
from silktune.outcome import Epoch, Outcome, Scores
from silktune.study import space_file as spaces
from silktune.study.paths import StudyPaths
from silktune.study.space_file import Space

SPACE = """
set: {net.weights: none, net.trunk: resnet18}
search:
  loss.gamma: {low: 0.0, high: 4.0}
  net.NN_jfc: {choices: [[16], [32, 8]]}
  loss.lambda_aux: {choices: [0.0, 1.0]}
  loss.alpha_co: {low: 0.1, high: 1.0, unless: {loss.lambda_aux: 0.0}}
first:
  papers: {loss.gamma: 2.0, net.NN_jfc: [32, 8], loss.lambda_aux: 0.0}
asha: {min_epochs: 1, reduction: 2}
"""
GRID = """
set: {net.weights: none, net.trunk: resnet18}
search:
  loss.gamma: {low: 0.0, high: 2.0, step: 1.0}
  net.NN_jfc: {choices: [[16], [32, 8]]}
"""


def load(folder: Path, text: str) -> Space:
    (folder / "space.yaml").write_text(text, encoding="utf-8")
    return spaces.load(str(folder / "space.yaml"), {})


def scores(value: float) -> Scores:
    return Scores(mean_f1=value, mean_f1_with_background=value, mean_f1_minority=None, OA=value, variables=())


def epoch(number: int, value: float) -> Epoch:
    losses = {"L": 1 / number}
    return Epoch(number=number, train_loss=losses, validation_loss=losses, validation=scores(value), seconds=0.0)


def finished(value: float) -> Outcome:
    return Outcome(state="finished", best_epoch=1, epochs=(epoch(1, value),), validation=scores(value))


def run(source: OptunaSource, count: int) -> list[dict[str, object]]:
    """Let some trials finish; their settings."""
    made = []
    for _ in range(count):
        trial = source.next()
        assert trial is not None
        source.outcome(trial, finished(trial.experiment.loss.gamma / 10))
        made.append(trial.experiment.flat())
    return made


@pytest.fixture
def paths(tmp_path: Path) -> StudyPaths:
    return StudyPaths(tmp_path / "study")


class TestProposals:
    def test_the_papers_point_is_tried_first(self, tmp_path: Path, paths: StudyPaths) -> None:
        source = OptunaSource(paths, load(tmp_path, SPACE), "tpe", 0, 3)
        (first,) = run(source, 1)
        assert (first["loss.gamma"], first["net.NN_jfc"], first["loss.lambda_aux"]) == (2.0, (32, 8), 0.0)

    def test_a_setting_that_is_not_searched_there_is_0(self, tmp_path: Path, paths: StudyPaths) -> None:
        for settings in run(OptunaSource(paths, load(tmp_path, SPACE), "random", 0, 12), 12):
            assert (settings["loss.alpha_co"] == 0.0) == (settings["loss.lambda_aux"] == 0.0)

    @pytest.mark.parametrize("sampler", ["tpe", "random"])
    def test_a_restart_changes_no_proposal(self, tmp_path: Path, sampler: str) -> None:
        space = load(tmp_path, SPACE)
        undisturbed = run(OptunaSource(StudyPaths(tmp_path / "a"), space, sampler, 7, 14), 14)  # type: ignore[arg-type]
        restarted = []
        for count in (1, 2, 9, 2):
            source = OptunaSource(StudyPaths(tmp_path / "b"), space, sampler, 7, 14)  # type: ignore[arg-type]
            restarted += run(source, count)
        assert restarted == undisturbed

    def test_ends_at_the_wanted_number_and_goes_on_with_more(self, tmp_path: Path, paths: StudyPaths) -> None:
        space = load(tmp_path, SPACE)
        source = OptunaSource(paths, space, "random", 0, 2)
        run(source, 2)
        assert source.next() is None
        assert not source.more()
        source = OptunaSource(paths, space, "random", 0, 3)
        assert source.more()
        trial = source.next()
        assert trial is not None
        assert trial.id == "t002"

    def test_an_interrupted_trial_is_handed_out_again_under_its_name(self, tmp_path: Path, paths: StudyPaths) -> None:
        space = load(tmp_path, SPACE)
        before = OptunaSource(paths, space, "random", 0, 3)
        run(before, 1)
        interrupted = before.next()
        after = OptunaSource(paths, space, "random", 0, 3)
        assert after.next() == interrupted
        assert [trial.id for trial in after.ended()] == ["t000"]

    def test_a_kill_between_two_suggestions_changes_no_proposal(self, tmp_path: Path) -> None:
        space = load(tmp_path, SPACE)
        undisturbed = run(OptunaSource(StudyPaths(tmp_path / "a"), space, "random", 7, 4), 4)
        killed = OptunaSource(StudyPaths(tmp_path / "b"), space, "random", 7, 4)
        run(killed, 2)
        killed.study.ask()  # begun, without a single setting
        assert run(OptunaSource(StudyPaths(tmp_path / "b"), space, "random", 7, 4), 2) == undisturbed[2:]


class TestReading:
    def state(self, paths: StudyPaths) -> dict[str, tuple[int, bytes]]:
        files = {path for path in paths.folder.rglob("*") if path.is_file()}
        assert files
        return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    def interrupted(self, tmp_path: Path, paths: StudyPaths) -> Space:
        """One trial ended, one at work, one that waits; a lock left behind and half a line."""
        space = load(tmp_path, SPACE)
        source = OptunaSource(paths, space, "random", 0, 3)
        run(source, 1)
        source.next()
        source.study.enqueue_trial({})
        paths.journal.with_name(f"{paths.journal.name}.lock.1").touch()
        with paths.journal.open("a", encoding="utf-8") as file:
            file.write('{"op_code": 4, "worker')
        return space

    def test_changes_nothing(self, tmp_path: Path, paths: StudyPaths) -> None:
        space = self.interrupted(tmp_path, paths)
        before = self.state(paths)
        searched = SearchedTrials.read(paths, space)
        assert (list(searched.trials), [trial.id for trial in searched.ended()]) == (["t000", "t001"], ["t000"])
        assert searched.importances() is None
        assert self.state(paths) == before

    def test_says_what_going_on_says(self, tmp_path: Path, paths: StudyPaths) -> None:
        space = self.interrupted(tmp_path, paths)
        assert SearchedTrials.read(paths, space).trials == OptunaSource(paths, space, "random", 0, 3).trials

    def test_a_folder_without_a_journal_gets_none(self, tmp_path: Path, paths: StudyPaths) -> None:
        with pytest.raises(StudyError, match=r"journal\.log is missing"):
            SearchedTrials.read(paths, load(tmp_path, SPACE))
        assert not paths.folder.exists()

    def test_a_journal_of_something_else_is_refused(self, tmp_path: Path, paths: StudyPaths) -> None:
        paths.folder.mkdir()
        for content in ("", '{"op_code": 0, "worker_id": "a", "study_name": "x", "directions": [1]}\n'):
            paths.journal.write_text(content, encoding="utf-8")
            with pytest.raises(StudyError, match=r"is no journal of a search"):
                SearchedTrials.read(paths, load(tmp_path, SPACE))


STEPS = """
set: {net.weights: none, net.trunk: resnet18}
search:
  loss.gamma: {low: 0.0, high: 0.9, step: 0.3}
  net.NB_RN: {low: 0, high: 8, step: 4}
  loss.lambda_C: {low: 0.1, high: 0.7, step: 0.1}
first:
  papers: {loss.gamma: 0.9, net.NB_RN: 8, loss.lambda_C: 0.3}
"""


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid"])
def test_steps_are_the_grids_own_values_and_optuna_has_nothing_to_say(
    tmp_path: Path, paths: StudyPaths, sampler: str, capfd: pytest.CaptureFixture[str]
) -> None:
    space = load(tmp_path, STEPS)
    values = {dimension.name: set(dimension.values()) for dimension in space.dimensions}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        source = OptunaSource(paths, space, sampler, 0, 24)  # type: ignore[arg-type]
        proposed = run(source, 24)
        again = OptunaSource(paths, space, sampler, 0, 24)  # type: ignore[arg-type]
        again.importances()
    for settings in [*proposed, *(trial.experiment.flat() for trial in again.ended())]:
        assert all(settings[name] in allowed for name, allowed in values.items())
        assert type(settings["net.NB_RN"]) is int
    assert len({settings["loss.gamma"] for settings in proposed}) == (4 if sampler != "grid" else 2)
    assert capfd.readouterr() == ("", "")


class TestGrid:
    def test_has_every_point_once_in_the_order_of_the_file(self, tmp_path: Path, paths: StudyPaths) -> None:
        source = OptunaSource(paths, load(tmp_path, GRID), "grid", 0, None)
        points = [(s["loss.gamma"], s["net.NN_jfc"]) for s in run(source, 6)]
        assert points == [(gamma, jfc) for gamma in (0.0, 1.0, 2.0) for jfc in ((16,), (32, 8))]
        assert source.next() is None

    def test_survives_a_kill_while_it_is_written_down(self, tmp_path: Path, paths: StudyPaths) -> None:
        space = load(tmp_path, GRID)
        OptunaSource(paths, space, "grid", 0, None)
        lines = paths.journal.read_text(encoding="utf-8").splitlines(keepends=True)
        paths.journal.write_text("".join(lines[:3]), encoding="utf-8")  # the study and two of its six points
        points = [(s["loss.gamma"], s["net.NN_jfc"]) for s in run(OptunaSource(paths, space, "grid", 0, None), 6)]
        assert len(set(points)) == 6

    def test_a_range_without_a_step_is_refused(self, tmp_path: Path, paths: StudyPaths) -> None:
        with pytest.raises(SpaceError, match=r"loss\.gamma is a range without a step: a grid needs choices or a step"):
            OptunaSource(paths, load(tmp_path, SPACE), "grid", 0, None)


class TestJournal:
    def test_a_torn_last_line_is_cut_off(self, tmp_path: Path, paths: StudyPaths) -> None:
        space = load(tmp_path, SPACE)
        run(OptunaSource(paths, space, "random", 0, 4), 2)
        with paths.journal.open("a", encoding="utf-8") as file:
            file.write('{"op_code": 4, "worker')
        run(OptunaSource(paths, space, "random", 0, 4), 2)
        assert len(OptunaSource(paths, space, "random", 0, 4).ended()) == 4

    def test_outcomes_without_a_journal_are_not_taken_for_others(self, tmp_path: Path, paths: StudyPaths) -> None:
        finished(0.5).write(paths.outcome("t000"))
        with pytest.raises(StudyError, match=r"has outcomes but no journal\.log"):
            OptunaSource(paths, load(tmp_path, SPACE), "random", 0, 2)

    def test_knows_how_each_trial_ended(self, tmp_path: Path, paths: StudyPaths) -> None:
        source = OptunaSource(paths, load(tmp_path, SPACE), "random", 0, 3)
        ends = [finished(0.4), Outcome(state="pruned", reason="behind"), Outcome(state="failed", reason="no number")]
        for end in ends:
            trial = source.next()
            assert trial is not None
            source.outcome(trial, end)
        trials = source.study.get_trials()
        assert [trial.state for trial in trials] == [TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL]
        assert trials[2].user_attrs["reason"] == "no number"


class TestHalving:
    def stopped(self, source: OptunaSource, values: Sequence[float], epochs: int = 1) -> list[bool]:
        """Of trials with this F1 in each epoch, one after the other: whether they are stopped."""
        ends = []
        for value in values:
            trial = source.next()
            assert trial is not None
            ends.append(any(source.epoch(trial, epoch(number, value)) for number in range(1, epochs + 1)))
            source.outcome(trial, finished(value) if not ends[-1] else Outcome(state="pruned", reason="behind"))
        return ends

    def test_stops_what_is_behind_when_there_is_enough_to_compare_with(self, tmp_path: Path, paths: StudyPaths) -> None:
        source = OptunaSource(paths, load(tmp_path, SPACE), "random", 0, 20)
        assert not any(self.stopped(source, (0.5, 0.1, 0.4, 0.05, 0.3), epochs=2))
        assert self.stopped(source, (0.6, 0.05, 0.7, 0.02), epochs=2) == [False, True, False, True]

    def test_each_rung_waits_for_its_own_trials(self, tmp_path: Path, paths: StudyPaths) -> None:
        source = OptunaSource(paths, load(tmp_path, SPACE), "random", 0, 20)
        assert not any(self.stopped(source, (0.5, 0.4, 0.4, 0.4, 0.3), epochs=1))
        assert not any(self.stopped(source, (0.6, 0.59, 0.58, 0.57, 0.56), epochs=2)), "few have come to epoch 2"

    @pytest.mark.parametrize("restarts", [False, True])
    def test_never_stops_the_points_that_are_tried_first(self, tmp_path: Path, restarts: bool) -> None:
        """Of three equally good points, with a deviation of 1.1, the second and third were stopped half the time."""
        points = "\n".join(f"  P{i}: {{loss.gamma: {i}, net.NN_jfc: [16], loss.lambda_aux: 0.0}}" for i in range(3))
        text = SPACE.split("first:", maxsplit=1)[0] + f"first:\n{points}\nasha: {{min_epochs: 5, reduction: 3}}\n"
        space, chance = load(tmp_path, text), np.random.default_rng(0)
        for study in range(12):
            ends = []
            for value in chance.normal(0.33, 0.011, 3):
                if restarts or not ends:
                    source = OptunaSource(StudyPaths(tmp_path / str(study)), space, "random", 0, 9)
                ends += self.stopped(source, [value], epochs=16)
            assert ends == [False] * 3

    def test_seldom_stops_a_good_trial_among_equals_before_the_rung_is_full(self, tmp_path: Path) -> None:
        """Of ten trials of equal worth the first five go on; of the others about as many are stopped as shall be."""
        text = SPACE.split("first:", maxsplit=1)[0] + "asha: {min_epochs: 5, reduction: 3}\n"
        space, chance, ends = load(tmp_path, text), np.random.default_rng(1), []
        for study in range(40):
            source = OptunaSource(StudyPaths(tmp_path / str(study)), space, "random", 0, 10)
            ends.append(self.stopped(source, chance.normal(0.33, 0.011, 10), epochs=5))
        stopped = np.array(ends)
        assert not stopped[:, :5].any()
        assert stopped[:, 5:].mean() == pytest.approx(2 / 3, abs=0.1)

    def test_epochs_brought_again_after_an_interruption_decide_nothing(self, tmp_path: Path, paths: StudyPaths) -> None:
        space = load(tmp_path, SPACE)
        before = OptunaSource(paths, space, "random", 0, 8)
        self.stopped(before, (0.5, 0.6, 0.7, 0.8, 0.9, 0.9), epochs=2)
        trial = before.next()
        assert trial is not None
        assert not before.epoch(trial, epoch(1, 0.95))
        before._live[trial.id].report(0.01, 2)  # written down, and killed before anything was decided
        after = OptunaSource(paths, space, "random", 0, 8)
        assert after.next() == trial
        assert not after.epoch(trial, epoch(1, 0.95)), "an epoch of the past stopped the trial"
        assert after.epoch(trial, epoch(2, 0.01))


class TestImportances:
    def test_need_something_to_compare(self, tmp_path: Path, paths: StudyPaths) -> None:
        source = OptunaSource(paths, load(tmp_path, SPACE), "random", 0, 12)
        run(source, 3)
        assert source.importances() is None
        run(source, 9)
        found = source.importances()
        assert found is not None
        assert max(found.shares, key=lambda name: found.shares[name]) == "loss.gamma"  # the value is made of it
        assert sum(found.shares.values()) == pytest.approx(1)
        assert found.measured == "the validation mean F1 of 12 trials, each at its best epoch"

    def test_compare_trials_that_were_stopped_too_at_the_last_epoch_that_all_reached(
        self, tmp_path: Path, paths: StudyPaths
    ) -> None:
        """What finished is as good with one γ as with another; what was stopped had a small one."""
        source = OptunaSource(paths, load(tmp_path, SPACE), "random", 0, 30)
        epochs = []
        for number in range(30):
            trial = source.next()
            assert trial is not None
            gamma = trial.experiment.loss.gamma
            reached = 9 if gamma > 2 else 3 + number % 2
            for one in range(1, reached + 1):
                source.epoch(trial, epoch(one, gamma / 10 if one <= 3 else 0.9))
            epochs.append(reached)
            ended = finished(0.9 + number / 1e6) if gamma > 2 else Outcome(state="pruned", reason="behind")
            source.outcome(trial, ended)
        found = source.importances()
        assert found is not None
        assert (found.trials, found.epoch, found.stopped) == (30, 3, sum(reached < 9 for reached in epochs))
        assert 5 < found.stopped < 25
        assert found.shares["loss.gamma"] > 0.8
        assert "after epoch 3, the last that all 30 trials reached, with the" in found.measured

    def test_of_a_setting_that_some_trials_have_is_among_these(self, tmp_path: Path, paths: StudyPaths) -> None:
        source = OptunaSource(paths, load(tmp_path, SPACE), "random", 0, 40)
        have = 0
        for _ in range(40):
            trial = source.next()
            assert trial is not None
            loss = trial.experiment.loss
            have += loss.lambda_aux > 0
            source.outcome(trial, finished(loss.alpha_co if loss.lambda_aux else 0.3 + loss.gamma / 1000))
        found = source.importances()
        assert found is not None
        assert "loss.alpha_co" not in found.shares
        share, trials = found.active["loss.alpha_co"]
        assert share > 0.8
        assert trials == have < 40
        assert found.active_texts() == [f"loss.alpha_co {share:.2f} (of {have} trials)"]
