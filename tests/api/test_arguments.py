"""Arguments as a person gives them, and the call that is written down."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from silktune.api import arguments
from silktune.api.arguments import seconds
from silktune.api.search import search
from silktune.errors import SettingsError


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2h", 7200), ("90m", 5400), ("1h30m", 5400), ("45s", 45), ("1.5h", 5400), ("1h1m1s", 3661), (None, None)],
)
def test_times(text: str | None, expected: float | None) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "2", "h", "2 h", "2d", "-2h", "2h3", "1,5h", "2hours"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        seconds(text)
    assert str(caught.value) == f"--time {text}: a time is written as 2h, 90m, 1h30m or 45s."


@pytest.mark.parametrize("time", [90, 0.5])
def test_a_number_is_seconds(time: float) -> None:
    assert seconds(time) == time


@pytest.mark.parametrize("time", [0, -1, 0.0, float("nan")])
def test_no_time_is_none(time: float) -> None:
    with pytest.raises(SettingsError, match="a time is written as"):
        seconds(time)


def test_all_numbers_that_are_too_small_are_said_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        arguments.at_least(1, trials=0, final_runs=-1, runs=None, concurrent=1)
    assert str(caught.value) == "--trials 0: it may be 1 or more.\n--final-runs -1: it may be 1 or more."


def _called(**given: Any) -> str:
    values = {name: parameter.default for name, parameter in inspect.signature(search).parameters.items()}
    return arguments.call(search, values | given)


@pytest.mark.parametrize(
    ("given", "call"),
    [
        ({"data": "labels.csv"}, "silktune.search(data='labels.csv')"),
        ({"data": Path("a b.csv"), "trials": 4}, "silktune.search(data='a b.csv', trials=4)"),
        (
            {
                "data": "d",
                "settings": {"train.max_epochs": 5, "net.NN_jfc": [8]},
                "progress": object(),
                "command": None,
            },
            "silktune.search(data='d', settings={'train.max_epochs': 5, 'net.NN_jfc': [8]})",
        ),
        ({"data": "d", "executor": "ray", "root": Path("runs"), "final_runs": 5}, "silktune.search(data='d')"),
        ({"data": "d", "root": "runs"}, "silktune.search(data='d', root='runs')"),
    ],
)
def test_a_call_can_be_pasted(given: dict[str, Any], call: str) -> None:
    assert _called(**given) == call
