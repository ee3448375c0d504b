"""What a person writes on the command line, as values."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from silktune.errors import Interrupted, SettingsError
from silktune.settings import parse

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
CacheOption = Annotated[
    float | None,
    typer.Option(
        "--cache-gb", help="Disk that activations of what is frozen may take; 0: none are kept.", min=0,
        show_default="half of what is free", rich_help_panel=RAY,
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
RegisterOption = Annotated[
    str | None,
    typer.Option(
        "--register", help="Register the winner's model in MLflow; champion if it is the best on validation.",
        metavar="NAME", show_default=False,
    ),
]  # fmt: skip
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.", rich_help_panel=RAY)]


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
    return (plain[0] if plain else first), values([word for word in words if "=" in word])


def values(assignments: Sequence[str] | None) -> dict[str, Any]:
    """`name=value …` as settings.

    Raises:
        SettingsError: a word that is no setting.
    """
    return dict(parse(word) for word in assignments or ())


def names(text: str | None) -> tuple[str, ...]:
    """`motif,category` as names."""
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())
