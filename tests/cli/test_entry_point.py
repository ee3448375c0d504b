"""What a command takes from its surroundings, how it ends with an error, and that it goes on when nobody reads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from silktune.data.dataset import Dataset
from tests.cli.run import ROOT
from tests.core.trainings import SMALL

LIMIT = 90  # seconds
RAISES = """
from silktune.cli import app, entry_point
def fails(): {error}
app.app = fails
entry_point.main()
"""
FIGURE = """
from silktune.cli import entry_point
entry_point.prepare()
from silktune.study.figures.canvas import Figure
import matplotlib
matplotlib.use(matplotlib.rcParams["backend"])
Figure().savefig("figure.png")
"""


def python(code: str, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", cwd=cwd, timeout=LIMIT,
        check=False, env=os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "120"} | variables,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [("COLUMNS", "0"), ("COLUMNS", "wide"), ("COLUMNS", "-3"), ("COLUMNS", "²"), ("LINES", "x"), ("LINES", "0"),
     ("TERMINAL_WIDTH", "wide"), ("TERMINAL_WIDTH", ""), ("TERMINAL_WIDTH", "0"), ("TERM", "dumb"), ("TERM", ""),
     ("PYTHONWARNINGS", "error"), ("PYTHONIOENCODING", "ascii"), ("PYTHONOPTIMIZE", "1"), ("PYTHONSTARTUP", "/nowhere"),
     ("NO_COLOR", ""), ("PYTHONHASHSEED", "0")],
)  # fmt: skip
@pytest.mark.parametrize("words", [["settings"], ["search", "--help"]])
def test_variables_for_other_programs_change_no_command(words: list[str], name: str, value: str) -> None:
    done = python(f"import sys; sys.argv[1:] = {words}; from silktune.__main__ import main; main()", **{name: value})
    assert done.returncode == 0, done.stderr
    assert ("data.image_size" if words == ["settings"] else "--trials") in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PYTHONOPTIMIZE", "2", "PYTHONOPTIMIZE=2 (python -OO) leaves out texts"),
        ("RAY_worker_niceness", "abc", "RAY_worker_niceness=abc: it may be 0 to 19"),
        ("RAY_worker_niceness", "", "RAY_worker_niceness=: it may be 0 to 19"),
    ],
)
def test_an_environment_in_which_libraries_cannot_be_imported(name: str, value: str, sentence: str) -> None:
    done = python("from silktune.__main__ import main; main()", **{name: value})
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence in done.stderr


@pytest.mark.parametrize("threads", ["abc", "", "0", "-1", "1.5"])
def test_threads_that_are_no_number(threads: str) -> None:
    done = python("from silktune.cli import entry_point; entry_point.prepare(); import torch", OMP_NUM_THREADS=threads)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "value"),
    [("MPLBACKEND", "module://matplotlib_inline.backend_inline"), ("MPLBACKEND", "nonsense"), ("MPLBACKEND", "tkagg"),
     ("MATPLOTLIBRC", "/nowhere"), ("MATPLOTLIBRC", "broken"), ("HOME", "/dev/null"), ("PYTHONWARNINGS", "error")],
)  # fmt: skip
def test_figures_are_drawn_whatever_the_surroundings(name: str, value: str, tmp_path: Path) -> None:
    (tmp_path / "broken").write_text("backend: nonsense\nfont.size: large\n no key\n", encoding="utf-8")
    done = python(FIGURE, tmp_path, **{name: value, "MPLCONFIGDIR": ""})
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "figure.png").exists()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ("{}['loss']", "KeyError: 'loss' (<string>, line 3). silktune did not foresee this error."),
        ("raise OSError(36, 'File name too long', 'runs/x')", "runs/x: File name too long. "),
        ("raise PermissionError(13, 'Permission denied', '/proc/x')", "/proc/x: Permission denied"),
        (
            "raise OSError(30, 'Read-only file system', '/proc/x/y')",
            "What lies there can only be read: name another place.",
        ),
        ("raise KeyboardInterrupt", "Interrupted.\n"),
    ],
)
def test_an_error_keeps_its_cause(error: str, sentence: str) -> None:
    done = python(RAISES.format(error=error))
    assert done.returncode == (130 if "Keyboard" in error else 1)
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_where_an_unforeseen_error_comes_from_is_shown_to_who_asks() -> None:
    done = python(RAISES.format(error="{}['loss']"), SILKTUNE_TRACEBACK="1")
    assert "Traceback" in done.stderr
    assert "in fails" in done.stderr


@pytest.mark.parametrize("together", [False, True])
def test_a_command_goes_on_when_nobody_reads(together: bool, tiny: Dataset, tmp_path: Path) -> None:
    """As with `silktune train … | head -1`, or `2>&1 | head -1`."""
    settings = [f"{name}={value}" for name, value in SMALL.items()]
    words = [
        "train",
        *settings,
        "train.max_epochs=2",
        "--data",
        tiny.folder,
        "--device",
        "cpu",
        "--to",
        tmp_path / "run",
    ]
    errors = tmp_path / "errors"
    with errors.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "silktune", *map(str, words)], stdout=subprocess.PIPE, cwd=tmp_path,
            stderr=subprocess.STDOUT if together else file, env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    assert process.stdout
    process.stdout.close()
    assert process.wait(LIMIT) == 0
    assert (tmp_path / "run" / "outcome.json").exists()
    if not together:
        said = " ".join(errors.read_text(encoding="utf-8").split())
        assert said == "Nobody reads what is printed here any more. The command goes on, and what it writes is kept."
