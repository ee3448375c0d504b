"""The process of a command: what it takes from its surroundings, and how it ends with an error."""

from __future__ import annotations

import logging
import os
import re
import sys
import traceback
import warnings
from typing import NoReturn

from silktune.cli.terminal import encoding
from silktune.errors import Interrupted, SilktuneError, trouble, unforeseen

TRACEBACK = "SILKTUNE_TRACEBACK"
WIDTHS = ("COLUMNS", "LINES", "TERMINAL_WIDTH")  # of the terminal, where it does not know them itself
THREADS = r"\s*[1-9]\d*\s*(,\s*[1-9]\d*\s*)*"  # of OpenMP: a number, or one for each level
NICENESS = "RAY_worker_niceness"  # Ray ends without a word where it is no number
HIDDEN = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)  # by Python itself


def main() -> None:
    """Run a command; a user's mistake is said in a sentence (exit 1), a wrong usage by Typer (exit 2)."""
    if hopeless := _hopeless():
        _end(hopeless, 1)
    prepare()
    try:
        from silktune.cli.app import app

        app()
    except SilktuneError as error:
        _end(str(error), error.exit_code)
    except KeyboardInterrupt:
        _end("Interrupted.", Interrupted.exit_code)
    except OSError as error:
        _end(trouble(error.filename or "This machine", error), 1)
    except Exception as error:
        _end(_unforeseen(error), 1)


def prepare() -> None:
    """Leave out what the environment says to other programs, of which libraries would make errors."""
    os.environ["MPLBACKEND"] = "agg"  # figures are files; a notebook's kernel names a module that is not here
    os.environ["MATPLOTLIBRC"] = os.devnull  # and look the same everywhere
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # where it keeps its cache
    for name in WIDTHS:
        if not _is_width(os.environ.get(name, "1")):
            del os.environ[name]
    if not re.fullmatch(THREADS, os.environ.get("OMP_NUM_THREADS", "1"), re.ASCII):
        del os.environ["OMP_NUM_THREADS"]  # which is not heeded anyway, as every process would say
    if os.environ.pop("PYTHONWARNINGS", "") or sys.warnoptions:
        _hide_warnings()
    encoding.prepare()


def _hopeless() -> str:
    """What is wrong with the environment if no library could be imported in it; "" if nothing is."""
    if sys.flags.optimize > 1:
        return "PYTHONOPTIMIZE=2 (python -OO) leaves out texts without which libraries cannot be used: unset it."
    niceness = os.environ.get(NICENESS, "0")
    if not re.fullmatch(r"1?\d", niceness, re.ASCII):
        return f"{NICENESS}={niceness}: it may be 0 to 19, of which 19 lets all other jobs go first."
    return ""


def _is_width(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) > 0


def _hide_warnings() -> None:
    """The warnings of libraries as Python shows them by itself: under `error` they could not even be imported."""
    sys.warnoptions.clear()
    warnings.resetwarnings()
    for category in HIDDEN:
        warnings.simplefilter("ignore", category)


def _unforeseen(error: Exception) -> str:
    if os.environ.get(TRACEBACK):
        traceback.print_exception(error)
    return (
        f"{unforeseen(error)}. silktune did not foresee this error. What is done is kept, and the same command goes "
        f"on; with {TRACEBACK}=1 it shows where the error comes from."
    )


def _end(message: str, code: int) -> NoReturn:
    from silktune.cli.terminal.console import Terminal

    Terminal(stderr=True, highlight=False, soft_wrap=True).print(message, style="red", markup=False)
    sys.exit(code)
