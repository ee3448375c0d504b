"""The command: helps that load nothing heavy, exit codes, and sentences in place of tracebacks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.run import ROOT, silktune

HEAVY = ("torch", "torchvision", "ray", "mlflow", "optuna", "pandas", "cv2", "sklearn", "scipy", "matplotlib")
COMMANDS = (
    [],
    ["search"],
    ["ablate"],
    ["table"],
    ["train"],
    ["predict"],
    ["evaluate"],
    ["settings"],
    ["trunks"],
    ["cache"],
    ["data"],
    ["data", "import"],
    ["data", "prepare"],
    ["data", "describe"],
    ["data", "check"],
    ["data", "sample"],
    ["cluster"],
    ["cluster", "check"],
    ["mlflow"],
    ["mlflow", "sync"],
)

LOADED = """
import sys
sys.argv = ["silktune", *{words!r}]
{before}
from silktune.__main__ import main
code = 0
try:
    main()
except SystemExit as end:
    code = end.code or 0
print("LOADED", *sorted({heavy!r} & sys.modules.keys()))
sys.exit(code)
"""


def loaded(words: list[str], before: str = "") -> tuple[int, str, list[str]]:
    """Exit code, output and the heavy libraries that a command has loaded."""
    code = LOADED.format(words=words, before=before, heavy=set(HEAVY))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", cwd=ROOT, check=False
    )
    output, _, names = done.stdout.rpartition("LOADED")
    return done.returncode, output + done.stderr, names.split()


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_is_there_and_loads_nothing_heavy(words: list[str]) -> None:
    code, output, names = loaded([*words, "--help"])
    assert (code, names) == (0, [])
    assert "Usage:" in output


def test_every_command_is_asked_for_help() -> None:
    from silktune.cli.app import app

    commands = {command.name for command in app.registered_commands}
    groups = {group.name: group.typer_instance for group in app.registered_groups}
    for name, group in groups.items():
        assert group is not None
        commands |= {f"{name} {command.name or command.callback.__name__}" for command in group.registered_commands}
    asked = {" ".join(words) for words in COMMANDS if words}
    assert asked == commands | set(groups)


def test_this_check_can_fail() -> None:
    assert loaded(["--help"], before="import cv2")[2] == ["cv2"]


def test_settings_and_version_load_nothing_heavy() -> None:
    for words in (["settings"], ["--version"]):
        code, _, names = loaded(words)
        assert (code, names) == (0, [])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["settings", "gama"], "command line: no setting's name contains 'gama'. Did you mean gamma?"),
        (["train", "loss.gama=1", "-d", "x"], "command line: loss.gama is no setting. Did you mean loss.gamma?"),
        (["train", "winer.yaml", "-d", "x"],
         "command line: 'winer.yaml' is neither a file of settings nor written name=value."),
        (["train", "a", "b", "-d", "x"], "command line: 'b' is no setting; settings are written name=value."),
        (["search", "silkent", "-d", "x"],
         "'silkent' is neither a file nor a shipped search space. Did you mean silknet?"),
        (["search", "-d", "x", "--time", "soon"], "--time soon: a time is written as 2h, 90m, 1h30m or 45s."),
        (["search", "-d", "x", "--sampler", "luck"], "--sampler luck: it may be tpe, random or grid."),
    ],
)  # fmt: skip
def test_a_users_mistake_is_a_sentence_and_exit_code_1(words: list[str], sentence: str, tmp_path: Path) -> None:
    done = silktune(*words, cwd=tmp_path)
    assert (done.returncode, done.stderr.strip()) == (1, sentence)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words", [["serch"], ["train"], ["train", "-d"], ["search", "-d", "x", "--trials", "0"], ["--no"]]
)
def test_wrong_usage_is_exit_code_2(words: list[str]) -> None:
    done = silktune(*words)
    assert done.returncode == 2
    assert "Error" in done.stderr
    assert "Traceback" not in done.stderr
