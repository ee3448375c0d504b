"""silktune where the locale or the terminal is not UTF-8: nothing is lost, and what is printed is legible."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from silktune.data.sample_data import collection
from silktune.outcome import Outcome
from tests.core.trainings import SMALL

ROOT = Path(__file__).parents[2]
POSIX = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LATIN = {"LC_ALL": "de_DE.ISO-8859-1", "PYTHONIOENCODING": "latin-1"}  # where there is no such locale, it is C
ASCII = {"PYTHONIOENCODING": "ascii"}
LOCALES = pytest.mark.parametrize("locale", [POSIX, LATIN, ASCII], ids=["POSIX", "Latin-1", "ASCII"])
NAME = "Orl’éans – 絹"


def silktune(*words: object, locale: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[bytes]:
    strange = ("PYTHONUTF8", "PYTHONIOENCODING", "LC_ALL", "LC_CTYPE", "LANG")
    environment = {name: value for name, value in os.environ.items() if name not in strange}
    environment |= {"COLUMNS": "120", "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "OMP_NUM_THREADS": "1", **locale}
    command = [sys.executable, "-m", "silktune", *(os.fsencode(str(word)) for word in words)]
    return subprocess.run(command, capture_output=True, cwd=cwd, env=environment, timeout=90, check=False)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A label table with a class, a variable and a name of its own of letters that few encodings have."""
    woven = collection.weave(tmp_path_factory.mktemp("woven") / "sample", 60, 0)
    head, *rows = (line.split(",") for line in woven.read_text(encoding="utf-8").splitlines())
    column = head.index("place")
    head[column] = "絹γ"
    common = max({row[column] for row in rows} - {""}, key=lambda name: sum(row[column] == name for row in rows))
    cells = [[NAME if i == column and cell == common else cell for i, cell in enumerate(row)] for row in rows]
    path = woven.with_name("Köln絹.csv")
    path.write_text("\n".join(",".join(row) for row in [head, *cells]) + "\n", encoding="utf-8")
    return path


@LOCALES
@pytest.mark.timeout(100)
def test_a_training_is_not_lost(locale: dict[str, str], table: Path, tmp_path: Path) -> None:
    words = [f"{name}={value}" for name, value in {**SMALL, "train.max_epochs": 1, "net.NN_tfc": "[]"}.items()]
    arguments = ("--data", table, "--to", "絹out", "--device", "cpu", "--threads", "1", "--test")
    done = silktune("train", *words, *arguments, locale=locale, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    outcome = Outcome.read(tmp_path / "絹out" / "outcome.json")
    assert outcome.test is not None
    assert NAME in {scores.name for variable in outcome.test.variables for scores in variable.classes}
    assert "\\u7d79" in done.stdout.decode("latin-1")


@pytest.mark.parametrize(
    "words",
    [("--help",), ("settings",), ("search", "--help"), ("data", "describe", "{table}"), ("data", "describe", "絹.csv"),
     ("train", "--data", "{table}", "絹=1"), ("table", "絹"), ("mlflow", "sync", "絹–"),
     ("cluster", "check", "絹.yaml"), ("絹",), ("ablate", "絹", "--data", "x"), ("search", "絹", "--data", "x")],
    ids=lambda words: " ".join(words).encode("ascii", "replace").decode(),
)  # fmt: skip
def test_no_command_ends_in_a_traceback(words: tuple[str, ...], table: Path, tmp_path: Path) -> None:
    done = silktune(*(word.format(table=table) for word in words), locale=POSIX, cwd=tmp_path)
    printed = (done.stdout + done.stderr).decode("latin-1")
    assert "Traceback" not in printed
    assert done.returncode == (0 if words[-1] in ("--help", "settings", "{table}") else 2 if words == ("絹",) else 1)
    assert printed
