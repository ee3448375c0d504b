"""What `silktune search`, `ablate` and `table` print of studies whose trials are played (`studies`), without a Ray."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import silktune
from silktune.api.studies import SearchStudy
from silktune.data.dataset import Dataset
from silktune.outcome import Outcome
from silktune.study.plan import Trial
from tests.cli.studies import ABLATE, Studies
from tests.tracking.samples import template

__all__ = ["template"]

SPOKEN = {"1": "1 run", "2": "2 runs", "3": "3 runs"}


@pytest.fixture
def studies(tmp_path: Path, template: Path, tiny: Dataset, monkeypatch: pytest.MonkeyPatch) -> Studies:
    shutil.copy(template, tmp_path / "live.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'live.db'}")
    return Studies(tmp_path, tiny, monkeypatch)


def summary(studies: Studies) -> str:
    return next(
        line for line in (studies.study / "table.md").read_text(encoding="utf-8").splitlines() if "trainings" in line
    )


class TestRuns:
    """The file says two runs."""

    @pytest.mark.parametrize("asked", ["1", "3"])
    def test_a_table_speaks_of_as_many_as_were_asked_for(self, studies: Studies, asked: str) -> None:
        printed = studies.begin(*ABLATE, "--runs", asked).output
        again = studies.silktune("table", str(studies.study)).output
        for output in (printed, again):
            assert f"deviation over {SPOKEN[asked]} on the test set" in " ".join(output.split())
            assert "(n = " not in output
        trainings = 3 * int(asked)
        assert f"{SPOKEN[asked]} each: {trainings} of {trainings} trainings finished." in summary(studies)

    def test_a_study_that_goes_on_with_other_numbers_speaks_of_what_every_row_has(self, studies: Studies) -> None:
        for asked, spoken in (("1", "1"), ("3", "3"), ("2", "3")):
            studies.begin(*ABLATE, "--runs", asked)
            assert f"{SPOKEN[spoken]} each: {3 * int(spoken)} of {3 * int(spoken)} trainings" in summary(studies)

    def test_more_runs_that_were_interrupted_are_told_beside_those_that_are_asked_for_now(
        self, studies: Studies
    ) -> None:
        def interrupt(trial: object) -> None:
            if getattr(trial, "run", 0) == 3:
                raise KeyboardInterrupt

        studies.begin(*ABLATE)
        studies.between = interrupt
        studies.begin(*ABLATE, "--runs", "3")
        studies.silktune("table", str(studies.study))
        assert "3 runs each: 6 of 9 trainings finished." in summary(studies)
        studies.begin(*ABLATE)
        assert "2 runs each: 6 of 6 trainings finished." in summary(studies)


class TestGrid:
    def test_fewer_points_than_trials_are_said(self, studies: Studies) -> None:
        done = studies.begin(
            "search", "space.yaml", "--sampler", "grid", "--confirm", "0", "--final-runs", "1", "--trials", "30"
        )
        said = " ".join(done.output.split())
        assert "--trials 30: the grid has 4 points, so there are 4 trials." in said

    @pytest.mark.parametrize("trials", [(), ("--trials", "4"), ("--trials", "3")])
    def test_enough_points_need_no_words(self, studies: Studies, trials: tuple[str, ...]) -> None:
        done = studies.begin(
            "search", "space.yaml", "--sampler", "grid", "--confirm", "0", "--final-runs", "1", *trials
        )
        assert "the grid has" not in " ".join(done.output.split())


def test_a_reference_that_is_no_row_is_told_the_rows_once(studies: Studies) -> None:
    begun = studies.begin(*ABLATE, "--reference", "nope")
    studies.begin(*ABLATE)
    for done in (begun, studies.silktune("table", str(studies.study), "--reference", "nope")):
        said = "--reference nope: the table rows has no such row. There is: MTL, MTL^fo, MTL+R^sem."
        assert " ".join(str(done.exception).split()) == said


def test_a_table_has_what_needs_no_network_beside_its_rows(studies: Studies) -> None:
    studies.begin(*ABLATE, "--runs", "1", "data.variables=place,time")
    written = (studies.study / "table.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"## Without a network, on the same test images: F1 \[%\]\n\n((?:\|.*\n)+)", written)
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert head == ["", "mean", "place", "time"]
    assert rows[0][0] == "largest class"
    assert re.fullmatch(r"largest class of each (technique|material|depiction)", rows[1][0])
    mean, place, time = map(float, rows[0][1:])
    assert mean == pytest.approx((place + time) / 2, abs=0.11)
    studies.silktune("table", str(studies.study))
    assert (studies.study / "table.md").read_text(encoding="utf-8") == written


class TestConfirm:
    """Trials are γ = 0, 1, 2; γ = 3 fails."""

    SEARCH = ("search", "space.yaml", "--sampler", "grid", "--final-runs", "1")

    @staticmethod
    def kept(studies: Studies) -> dict[str, bytes]:
        """Outcomes, and what is said of them in the end."""
        files = [
            *studies.study.glob("outcomes/*.json"),
            *(studies.study / name for name in ("report.md", "trials.csv")),
        ]
        return {path.name: path.read_bytes() for path in files}

    @staticmethod
    def confirmed(studies: Studies) -> dict[str, int]:
        """How many fresh runs each trial has."""
        runs = [path.name.split("-")[1] for path in studies.study.glob("outcomes/confirm-*.json")]
        return {trial: runs.count(trial) for trial in sorted(runs)}

    def test_all_that_finished_are_trained_again_where_they_are_fewer_than_asked_for(self, studies: Studies) -> None:
        said = studies.begin(*self.SEARCH).output
        assert self.confirmed(studies) == {"t000": 3, "t001": 3, "t002": 3}
        assert "in 3 fresh runs" in said
        assert "shrinkage [points]" in said
        assert "The 3 trials that were trained again" in " ".join(said.split())

    def test_who_opens_the_study_sees_them(self, studies: Studies) -> None:
        studies.begin(*self.SEARCH)
        study = silktune.open_study(studies.study)
        assert isinstance(study, SearchStudy)
        found = study.confirmed
        assert study.winner is not None
        assert study.winner.id == found.index[0] == found["mean"].idxmax()
        assert list(found["runs"]) == [3, 3, 3]
        assert list(found["search"]) == list(study.trials["value"][found.index])
        assert list(found["search"] - found["mean"]) == list(found["shrinkage"])
        assert f"{found['mean'].iloc[0]:.3f} in fresh runs" in repr(study)

    def test_interrupted_among_them_it_goes_on_to_the_same_end(self, studies: Studies) -> None:
        studies.begin(*self.SEARCH)
        undisturbed = self.kept(studies)
        shutil.rmtree(studies.study)
        ended: list[Trial] = []

        def stop(trial: Trial) -> None:
            ended.append(trial)
            if trial.id.startswith("confirm") and trial.run == 2:
                raise KeyboardInterrupt

        studies.between = stop
        assert "Interrupted" in str(studies.begin(*self.SEARCH).exception)
        before = [trial.id for trial in ended[:-1]]
        ended.clear()
        studies.between = ended.append
        studies.begin(*self.SEARCH)
        assert self.kept(studies) == undisturbed
        assert not set(before) & {trial.id for trial in ended}, "a run was made twice"

    def test_more_of_them_train_only_what_is_new(self, studies: Studies) -> None:
        studies.begin(*self.SEARCH, "--confirm", "1")
        (first,) = self.confirmed(studies)
        before = self.kept(studies)
        studies.begin(*self.SEARCH, "--confirm", "2")
        assert len(self.confirmed(studies)) == 2
        after = self.kept(studies)
        assert {name: after[name] for name in before if name.startswith("confirm")} == {
            name: content for name, content in before.items() if name.startswith(f"confirm-{first}")
        }

    def test_as_many_as_before_where_nobody_says_otherwise(self, studies: Studies) -> None:
        studies.begin(*self.SEARCH, "--confirm", "1")
        studies.begin(*self.SEARCH)
        assert len(self.confirmed(studies)) == 1

    def test_none_is_the_largest_single_value(self, studies: Studies) -> None:
        said = studies.begin(*self.SEARCH, "--confirm", "0").output
        assert self.confirmed(studies) == {}
        assert "shrinkage" not in said
        values = {
            path.stem: Outcome.read(path).value
            for path in studies.study.glob("outcomes/t*.json")
            if Outcome.read(path).state == "finished"
        }
        assert f"The winner is {max(values, key=lambda trial: values[trial])}." in said

    def test_a_study_that_had_its_winner_before_keeps_it_and_says_so(self, studies: Studies) -> None:
        studies.begin(*self.SEARCH, "--confirm", "0")
        before = self.kept(studies)
        (studies.study / "selection.json").unlink()
        said = " ".join(studies.begin(*self.SEARCH).output.split())
        assert "was chosen by single values, before there was another way. --confirm 5 trains" in said
        assert self.kept(studies) == before
        studies.begin(*self.SEARCH, "--confirm", "5")
        assert len(self.confirmed(studies)) == 3
