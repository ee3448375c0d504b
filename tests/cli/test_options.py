"""Words of the command line as values."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from silktune.cli.options import interruptible, split
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
