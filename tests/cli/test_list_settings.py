"""`silktune settings`."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from silktune.cli.app import app
from silktune.settings import names


def lines(*words: str) -> list[str]:
    result = CliRunner().invoke(app, ["settings", *words], env={"COLUMNS": "160"})
    assert result.exit_code == 0
    return [line.rstrip() for line in result.stdout.splitlines()]


def test_every_setting_is_listed_once() -> None:
    head, *rows = lines()
    assert head.split() == ["setting", "letter", "default", "may", "be", "from", "what"]
    assert [row.split()[0] for row in rows if not row.startswith(" ")] == list(names())


def test_some_of_them() -> None:
    assert lines("gamma")[1:] == [
        "loss.gamma  γ       2        ≥ 0, ≤ 10  released code  P23 is silent; 0 is softmax",
    ]


@pytest.mark.parametrize("columns", [80, 120])
def test_no_line_is_wider_than_the_terminal(columns: int) -> None:
    result = CliRunner().invoke(app, ["settings"], env={"COLUMNS": str(columns)})
    assert max(map(len, result.stdout.splitlines())) <= columns
