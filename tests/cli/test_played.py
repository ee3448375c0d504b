"""What `silktune search`, `ablate` and `table` print of studies whose trials are played (`studies`), without a Ray."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from silktune.data.dataset import Dataset
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
        done = studies.begin("search", "space.yaml", "--sampler", "grid", "--final-runs", "1", "--trials", "30")
        said = " ".join(done.output.split())
        assert "--trials 30: the grid has 4 points, so there are 4 trials." in said

    @pytest.mark.parametrize("trials", [(), ("--trials", "4"), ("--trials", "3")])
    def test_enough_points_need_no_words(self, studies: Studies, trials: tuple[str, ...]) -> None:
        done = studies.begin("search", "space.yaml", "--sampler", "grid", "--final-runs", "1", *trials)
        assert "the grid has" not in " ".join(done.output.split())


def test_a_reference_that_is_no_row_is_told_the_rows_once(studies: Studies) -> None:
    begun = studies.begin(*ABLATE, "--reference", "nope")
    studies.begin(*ABLATE)
    for done in (begun, studies.silktune("table", str(studies.study), "--reference", "nope")):
        said = "--reference nope: the table rows has no such row. There is: MTL, MTL^fo, MTL+R^sem."
        assert " ".join(str(done.exception).split()) == said
