"""What a person writes on the command line, as values."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated, Any

import typer

from silktune.errors import Interrupted, ResourceError, SettingsError, trouble
from silktune.settings import parse

STUDIES = Path("runs")
DEVICES = ("auto", "cpu", "cuda")
EXECUTORS = ("ray", "local")

DataOption = Annotated[str, typer.Option("--data", "-d", help="A label table, or a prepared data set.")]
ImagesOption = Annotated[
    Path | None, typer.Option("--images", help="The folder of the table's images.", show_default="the table's")
]
RAY = "Where trials run"  # a panel of the help
ExecutorOption = Annotated[
    str,
    typer.Option("--executor", help="ray, or local: one trial after the other in this process.", rich_help_panel=RAY),
]
ConcurrentOption = Annotated[int, typer.Option("--concurrent", help="Trials at once.", min=1, rich_help_panel=RAY)]
WorkersOption = Annotated[
    int, typer.Option("--workers-per-trial", help="Processes that train one network.", min=1, rich_help_panel=RAY)
]
GpusOption = Annotated[
    float | None,
    typer.Option(
        "--gpus-per-trial", help="0.25: four trials share one.", min=0, show_default="evenly", rich_help_panel=RAY
    ),
]
RetriesOption = Annotated[
    int,
    typer.Option("--retries", help="Runs more of a trial whose process died.", min=0, rich_help_panel=RAY),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address", help="Of a running Ray: auto on its head.", envvar="RAY_ADDRESS", show_default="one of its own",
        rich_help_panel=RAY,
    ),
]  # fmt: skip
StorageOption = Annotated[
    str | None,
    typer.Option(
        "--storage", help="Folder or s3://… that all nodes reach.",
        show_default="--root", rich_help_panel=RAY,
    ),
]  # fmt: skip
RootOption = Annotated[Path, typer.Option("--root", help="Where studies, prepared data and MLflow's store are kept.")]
ReferenceOption = Annotated[
    str | None, typer.Option("--reference", help="The row to compare with.", show_default="the table's")
]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.", rich_help_panel=RAY)]
UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}


@contextmanager
def interruptible(kept: str) -> Iterator[None]:
    """Ctrl-C inside, and SIGTERM (`kill`, `ray job stop`), is answered with a sentence that says what is kept.

    Raises:
        Interrupted: a person pressed Ctrl-C.
    """
    before = signal.signal(signal.SIGTERM, _as_ctrl_c)
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(f"Interrupted. {kept}") from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _as_ctrl_c(*_: Any) -> None:
    """Whatever answers Ctrl-C answers; in the background of a script nothing may, since there it is ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


def split(words: Sequence[str], first: str) -> tuple[str, dict[str, Any]]:
    """`[NAME] name=value …` as the name (or `first` where there is none) and the settings.

    Raises:
        SettingsError: two names, or a word that is neither.
    """
    plain = [word for word in words if "=" not in word]
    if len(plain) > 1:
        raise SettingsError(f"command line: '{plain[1]}' is no setting; settings are written name=value.")
    return (plain[0] if plain else first), dict(parse(word) for word in words if "=" in word)


def one_of(option: str, value: str, allowed: Sequence[str]) -> None:
    """Check an option's value.

    Raises:
        SettingsError: it is another.
    """
    if value not in allowed:
        raise SettingsError(f"{option} {value}: it may be {', '.join(allowed[:-1])} or {allowed[-1]}.")


def study_name(name: str | None) -> None:
    """Check the name that a person gave to a study, if any.

    Raises:
        SettingsError: it is none.
    """
    from silktune.study.paths import checked_name

    if name is not None:
        checked_name(name)


def writable(folder: Path, elsewhere: str) -> None:
    """Make a folder, and find out that files can be written there, before hours of work are.

    Raises:
        ResourceError: they cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            return
    except OSError as error:
        raise ResourceError(trouble(f"{folder}: this cannot be written", error, elsewhere)) from error


def seconds(text: str | None) -> float | None:
    """`2h`, `90m`, `1h30m`, `45s` as seconds.

    Raises:
        SettingsError: it is no time.
    """
    if text is None:
        return None
    if not re.fullmatch(r"(\d+(\.\d+)?[hms])+", text):
        raise SettingsError(f"--time {text}: a time is written as 2h, 90m, 1h30m or 45s.")
    return sum(float(number) * UNITS[unit] for number, _, unit in re.findall(r"(\d+(\.\d+)?)([hms])", text))
