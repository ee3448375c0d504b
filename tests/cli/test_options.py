"""Words of the command line as values."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from silktune.cli.options import interruptible, seconds, split
from silktune.errors import Interrupted, SettingsError
from tests.cli.run import silktune


@pytest.mark.parametrize(
    ("words", "name", "settings"),
    [
        ([], "silknet", {}),
        (["quick"], "quick", {}),
        (["loss.gamma=1"], "silknet", {"loss.gamma": 1}),
        (["loss.gamma=1", "quick", "net.NN_tfc=[]"], "quick", {"loss.gamma": 1, "net.NN_tfc": []}),
        (["loss.gamma=1", "loss.gamma=2"], "silknet", {"loss.gamma": 2}),
    ],
)
def test_a_name_and_settings_in_any_order(words: list[str], name: str, settings: dict[str, Any]) -> None:
    assert split(words, "silknet") == (name, settings)


def test_two_names() -> None:
    with pytest.raises(SettingsError, match="'b' is no setting; settings are written name=value"):
        split(["a", "b"], "silknet")


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


@pytest.mark.parametrize(
    ("number", "ctrl_c"),
    [
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGTERM, signal.default_int_handler),
        (signal.SIGTERM, signal.SIG_IGN),  # as in the background of a script
    ],
)
def test_who_ends_the_command_is_told_what_is_kept(number: signal.Signals, ctrl_c: Any) -> None:
    before = signal.signal(signal.SIGINT, ctrl_c), signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(Interrupted, match=r"^Interrupted. All is kept.$"), interruptible("All is kept."):
            signal.raise_signal(number)
        assert signal.getsignal(signal.SIGTERM) == before[1]
    finally:
        signal.signal(signal.SIGINT, before[0])


@pytest.mark.parametrize("command", ["search", "ablate"])
@pytest.mark.parametrize("name", ["../x", "", "a\tb", "絹" * 96])
def test_a_name_that_leaves_the_root_writes_nothing(command: str, name: str, tmp_path: Path) -> None:
    done = silktune(command, "quick", "--data", "labels.csv", "--name", name, "--root", "runs", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"--name {name!r}: ")
    assert list(tmp_path.iterdir()) == []
