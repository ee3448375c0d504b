"""Who wins a search."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from silktune.errors import StudyError
from silktune.outcome import Outcome, Scores
from silktune.settings import Experiment
from silktune.study.paths import StudyPaths
from silktune.study.plan import SEARCHED, Trial, confirm_runs, final_runs
from silktune.study.selection import RULE, RUNS, Selection, candidates, choose, ranked
from tests.outcomes import outcome

CONFIRMED, SINGLE = Selection(confirm=5), Selection(confirm=0)


def test_the_largest_validation_f1_wins_and_of_equals_the_first() -> None:
    outcomes = {"t003": outcome(0.3), "t001": outcome(0.2), "t002": outcome(0.3), "t000": outcome(0.1)}
    assert ranked(outcomes) == ["t002", "t003", "t001", "t000"]


def test_of_equals_the_first_wins_beyond_a_thousand_trials() -> None:
    assert ranked({"t1000": outcome(0.3), "t101": outcome(0.3)}) == ["t101", "t1000"]


def test_test_scores_do_not_count() -> None:
    assert ranked({"t000": outcome(0.1, test=0.9), "t001": outcome(0.2, test=0.1)}) == ["t001", "t000"]


def test_pruned_and_failed_ones_never_win() -> None:
    outcomes = {"t000": outcome(0.9, state="pruned"), "t001": outcome(0.8, state="failed"), "t002": outcome(0.1)}
    assert ranked(outcomes) == ["t002"]
    assert ranked({"t000": outcome(0.9, state="failed")}) == []
    assert ranked({}) == []


def trial(number: int, gamma: float) -> Trial:
    return Trial(f"t{number:03d}", SEARCHED, Experiment().with_({"loss.gamma": gamma}))


def test_the_leading_ones_are_confirmed_and_of_the_same_settings_the_first() -> None:
    ranking = [trial(4, 1.0), trial(2, 2.0), trial(7, 1.0), trial(0, 3.0)]
    assert [one.id for one in candidates(ranking, 3)] == ["t004", "t002", "t000"]
    assert [one.id for one in candidates(ranking, 2)] == ["t004", "t002"]
    assert candidates(ranking, 0) == []


def test_fresh_runs_have_seeds_that_nothing_else_has() -> None:
    first, second = trial(1, 1.0), trial(2, 2.0)
    seeds = [run.seeded().train.seed for run in confirm_runs(first, RUNS)]
    others = [first.seeded().train.seed, *(run.seeded().train.seed for run in final_runs(first, 100))]
    assert len({*seeds, *others}) == RUNS + 101
    assert [run.seeded().train.seed for run in confirm_runs(second, RUNS)] == seeds, "trials share them"
    assert [run.id for run in confirm_runs(first, 2)] == ["confirm-t001-run1", "confirm-t001-run2"]


def fresh(name: str, *values: float | None) -> dict[str, Outcome]:
    """Runs of a trial with these values; None: it failed."""
    return {
        f"confirm-{name}-run{r}": outcome(value) if value is not None else outcome(0.9, state="failed")
        for r, value in enumerate(values, 1)
    }


class TestChoice:
    @property
    def searched(self) -> dict[str, Outcome]:
        return {"t001": outcome(0.5), "t002": outcome(0.4), "t003": outcome(0.3), "t010": outcome(0.2)}

    def test_is_made_by_the_mean_of_fresh_runs(self) -> None:
        runs = fresh("t001", 0.3, 0.4, 0.5) | fresh("t002", 0.45, 0.4, 0.41)
        choice = choose(self.searched, runs, CONFIRMED)
        assert choice.ranking == ("t002", "t001", "t003", "t010")
        assert list(choice.confirmed) == ["t002", "t001"]
        assert choice.confirmed["t001"].fresh.mean == pytest.approx(0.4)
        assert choice.confirmed["t001"].shrinkage == pytest.approx(0.1)
        assert choice.sentences() == (
            "A single value is partly luck, and the largest of many most of all: t001 had 50.0 in the search and has "
            "40.0 in 3 fresh runs. t002 wins, with 42.0 there and 40.0 in the search. The 2 trials "
            "that were trained again lost 4.0 points on average.",
        )

    def test_is_that_of_single_values_where_none_is_asked_for(self) -> None:
        choice = choose(self.searched, fresh("t002", 0.9, 0.9, 0.9), SINGLE)
        assert (choice.ranking[0], dict(choice.confirmed), choice.sentences()) == ("t001", {}, ())
        assert choice.rule == f"{RULE} at the epoch with the smallest validation loss (P23 §5.1)"

    def test_stays_with_single_values_until_a_run_has_ended(self) -> None:
        assert choose(self.searched, {}, CONFIRMED).ranking == ("t001", "t002", "t003", "t010")

    def test_puts_one_that_fails_with_a_seed_behind_those_that_never_do(self) -> None:
        runs = fresh("t001", 0.9, None, 0.9) | fresh("t002", 0.2, 0.2, 0.2) | fresh("t003", None, None, None)
        choice = choose(self.searched, runs, CONFIRMED)
        assert choice.ranking == ("t002", "t001", "t003", "t010")
        assert list(choice.confirmed) == ["t002", "t001"]

    def test_has_a_winner_where_every_fresh_run_failed(self) -> None:
        choice = choose(self.searched, fresh("t001", None, None, None), CONFIRMED)
        assert (choice.ranking[0], choice.sentences()) == ("t001", ())

    def test_knows_trials_apart_whose_ids_begin_alike(self) -> None:
        searched = {"t001": outcome(0.5), "t0010": outcome(0.4)}
        choice = choose(searched, fresh("t0010", 0.3, 0.3, 0.3), CONFIRMED)
        assert list(choice.confirmed) == ["t0010"]

    def test_finds_better_settings_than_single_values_and_says_how_little_they_are_worth(self) -> None:
        """300 searches of 20 trials whose settings differ by as much as their seeds (`benchmarks.selection`)."""
        chance, better, said, left = np.random.default_rng(0), [], [], []
        for _ in range(300):
            worth = chance.normal(0.5, 0.02, 20)
            values = worth + chance.normal(0, 0.02, 20)
            outcomes = {f"t{i:03d}": Outcome(state="finished", validation=_scores(v)) for i, v in enumerate(values)}
            runs: dict[str, Outcome] = {}
            for name in ranked(outcomes)[:5]:
                for r in range(1, RUNS + 1):
                    value = worth[int(name[1:])] + chance.normal(0, 0.02)
                    runs[f"confirm-{name}-run{r}"] = Outcome(state="finished", validation=_scores(value))
            choice = choose(outcomes, runs, CONFIRMED)
            winner, single = (int(ranking[0][1:]) for ranking in (choice.ranking, ranked(outcomes)))
            better.append(worth[winner] - worth[single])
            said.append(values[single] - worth[single])
            left.append(choice.confirmed[choice.ranking[0]].fresh.mean - worth[winner])
        assert np.mean(better) > 0.002
        assert np.mean(said) > 0.02
        assert np.mean(left) < 0.5 * np.mean(said)


def _scores(value: float) -> Scores:
    found = outcome(float(value)).validation
    assert found
    return found


class TestHowItIsChosen:
    @pytest.fixture
    def paths(self, tmp_path: Path) -> StudyPaths:
        return StudyPaths(tmp_path)

    def test_a_new_study_is_confirmed_and_one_that_has_a_winner_stays_as_it_was(self, paths: StudyPaths) -> None:
        assert Selection.of(paths, None, 5).confirm == 5
        outcome(0.1).write(paths.outcome("t000"))
        assert Selection.of(paths, None, 5).confirm == 5
        outcome(0.1, test=0.1).write(paths.outcome("final-t000-run1"))
        assert Selection.of(paths, None, 5).confirm == 0
        assert Selection.of(paths, 3, 5).confirm == 3

    def test_what_was_asked_for_last_stays(self, paths: StudyPaths) -> None:
        Selection(confirm=2).write(paths)
        assert Selection.of(paths, None, 5).confirm == 2
        before = paths.selection.stat().st_mtime_ns
        Selection(confirm=2).write(paths)
        assert paths.selection.stat().st_mtime_ns == before
        Selection(confirm=0).write(paths)
        assert Selection.read(paths).confirm == 0

    def test_a_file_of_something_else_is_said(self, paths: StudyPaths) -> None:
        paths.selection.write_text('{"confirm": -1}', encoding="utf-8")
        with pytest.raises(StudyError, match=r"selection\.json is none of this version of silktune \(confirm"):
            Selection.read(paths)


def test_the_rule_says_at_which_epoch_a_trial_is_judged() -> None:
    by_f1, by_loss = outcome(0.2).model_copy(update={"stop_on": "mean_f1"}), outcome(0.3)
    stopped = outcome(0.4, state="pruned")
    assert choose({"t000": by_f1, "t001": stopped}, {}, SINGLE).rule == f"{RULE} in any epoch (train.stop_on=mean_f1)"
    both = choose({"t000": by_f1, "t001": by_loss}, {}, SINGLE)
    assert both.rule == f"{RULE} at the best epoch by its train.stop_on"
    assert choose({}, {}, SINGLE).rule.endswith("(P23 §5.1)")
