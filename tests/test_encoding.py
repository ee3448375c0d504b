"""Text is UTF-8, said at every open: a machine whose locale is another one reads and writes the same files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("silktune", "tests", "benchmarks", "docs")


def silent(source: str) -> Iterator[int]:
    """The lines that open text without saying how it is encoded."""
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        said = {keyword.arg for keyword in call.keywords}
        if "encoding" not in said and _is_text(call, said):
            yield call.lineno


def _is_text(call: ast.Call, said: set[str | None]) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in ("read_text", "write_text"):
        return len(call.args) == (name == "write_text")
    if name in ("open", "fdopen", "NamedTemporaryFile"):
        modes = [word.value for word in call.args if isinstance(word, ast.Constant) and isinstance(word.value, str)]
        modes += [
            word.value.value for word in call.keywords if word.arg == "mode" and isinstance(word.value, ast.Constant)
        ]
        modes = [mode for mode in modes if re.fullmatch("[rwaxbt+]{1,3}", mode)]
        return not all("b" in mode for mode in modes) or (
            name == "open" and isinstance(call.func, ast.Name) and not modes
        )
    return "text" in said or "universal_newlines" in said


def test_every_text_is_opened_as_utf_8() -> None:
    files = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    assert len(files) > 150
    found = [f"{path.relative_to(ROOT)}:{line}" for path in files for line in silent(path.read_text(encoding="utf-8"))]
    assert found == []


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("p.read_text()", 1), ("p.write_text(x)", 1), ("open(p)", 1), ("open(p, 'a')", 1), ("p.open('w')", 1),
        ("run(c, text=True)", 1), ("p.open(mode='r+')", 1), ("p.read_text('utf-8')", 0), ("p.open('rb')", 0),
        ("Dataset.open(p)", 0), ("p.write_text(x, encoding='utf-8')", 0), ("run(c, text=True, encoding='utf-8')", 0),
        ("p.open('w', encoding='utf-8')", 0), ("p.read_bytes()", 0),
    ],
)  # fmt: skip
def test_what_is_silent_is_found(source: str, lines: int) -> None:
    assert len(list(silent(source))) == lines
