"""What a person sees of a study while it runs."""

from __future__ import annotations

import io
import re
import time

import pytest
from rich.console import Console

from silktune.cli.terminal.study_display import ROOM, StudyDisplay
from silktune.settings import Experiment
from silktune.study.plan import SEARCHED, Trial
from tests.outcomes import epoch, outcome


def trial(name: str, group: str = SEARCHED) -> Trial:
    return Trial(name, group, Experiment().with_({"train.max_epochs": 40, "train.patience": 6}))


def shown(display: StudyDisplay) -> str:
    """What is drawn now."""
    with display.console.capture() as captured:
        display.console.print(display.running_now())
    return plain(captured.get())


def plain(text: str) -> str:
    """Without the terminal's signs."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


@pytest.fixture(params=[80, 160])
def display(request: pytest.FixtureRequest) -> StudyDisplay:
    return StudyDisplay(Console(file=io.StringIO(), force_terminal=True, no_color=True, width=request.param))


def test_a_trial_that_runs_has_its_epochs_its_best_and_its_patience(display: StudyDisplay) -> None:
    assert not shown(display).strip()
    display.started(trial("t007"))
    assert "t007" in shown(display)
    assert "starting" in shown(display)
    for number in (1, 2, 3):
        display.epoch(trial("t007"), epoch(number))
    line, footer = shown(display).rstrip("\n").splitlines()
    for text in ("t007", "epoch 3/40", "F1 30.0, best ", "patience ", " s"):
        assert text in line
    assert ("━" in line) == (display.console.width >= ROOM)
    assert len(line) <= display.console.width
    assert footer.strip() == "0 done"


def test_below_them_stands_what_has_ended_and_the_best_trial_of_the_search(display: StudyDisplay) -> None:
    pruned, failed = outcome(0.2, state="pruned"), outcome(0.3, state="failed")
    for name, of, group in (
        ("t000", outcome(0.4), SEARCHED), ("t001", pruned, SEARCHED), ("t002", failed, SEARCHED),
        ("final-t000-run1", outcome(0.5, test=0.45), "final-t000"),
    ):  # fmt: skip
        display.started(trial(name, group))
        display.ended(trial(name, group), of)
    assert "2 done · 1 stopped early · 1 failed · best t000 with F1 40.0" in shown(display)
    assert "t002" not in shown(display)


def test_it_is_drawn_again_though_nothing_happens(display: StudyDisplay) -> None:
    display.started(trial("t000"))
    with display.live:
        time.sleep(2.2)
    assert isinstance(display.console.file, io.StringIO)
    drawn = plain(display.console.file.getvalue())
    assert {"0 s", "1 s", "2 s"} <= set(re.findall(r"\d+ s", drawn))
