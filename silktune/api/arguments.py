"""What a person asks for, in Python or on the command line, checked before anything is done."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from silktune.api.defaults import DEVICES
from silktune.errors import ResourceError, SettingsError, trouble
from silktune.orchestrate.executors import EXECUTORS
from silktune.study.sampler_names import SAMPLERS

UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}
UNTOLD = ("progress", "command")  # arguments that a call is not told by


def check(
    *, device: str, executor: str = EXECUTORS[0], sampler: str = SAMPLERS[0], name: str | None = None,
    register: str | None = None,
) -> None:  # fmt: skip
    """Check what may only be one of a few words, and the names that a person gave to a study and its model, if any.

    Raises:
        SettingsError: it is another; or the name is none.
    """
    from silktune.study.paths import checked_name

    one_of("--sampler", sampler, SAMPLERS)
    one_of("--device", device, DEVICES)
    if name is not None:
        checked_name(name)
    one_of("--executor", executor, EXECUTORS)
    registrable(register)


def registrable(name: str | None) -> None:
    """Check a name for MLflow's registry, if there is one.

    Raises:
        SettingsError: the registry takes no such name.
    """
    if name is not None and (
        not name.strip() or name != name.strip() or not name.isprintable() or set(name) & set("/:'")
    ):
        raise SettingsError(f"--register {name!r}: MLflow's registry takes a name without /, : and ', such as silk.")


def one_of(option: str, value: str, allowed: Sequence[str]) -> None:
    """Check an option's value.

    Raises:
        SettingsError: it is another.
    """
    if value not in allowed:
        raise SettingsError(f"{option} {value}: it may be {', '.join(allowed[:-1])} or {allowed[-1]}.")


def at_least(least: int, **numbers: float | None) -> None:
    """Check numbers; None is what is not asked for.

    Raises:
        SettingsError: with every number that is too small.
    """
    small = {name: number for name, number in numbers.items() if number is not None and not number >= least}
    if small:
        options = {f"--{name.replace('_', '-')}": number for name, number in small.items()}
        raise SettingsError.of(f"{option} {number}: it may be {least} or more." for option, number in options.items())


def seconds(time: str | float | None) -> float | None:
    """`2h`, `90m`, `1h30m`, `45s` as seconds; a number is seconds already.

    Raises:
        SettingsError: it is no time.
    """
    if time is None or (isinstance(time, int | float) and time > 0):
        return time
    text = str(time)
    if not re.fullmatch(r"(\d+(\.\d+)?[hms])+", text):
        raise SettingsError(f"--time {text}: a time is written as 2h, 90m, 1h30m or 45s.")
    return sum(float(number) * UNITS[unit] for number, _, unit in re.findall(r"(\d+(\.\d+)?)([hms])", text))


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


def call(function: Callable[..., Any], values: Mapping[str, Any]) -> str:
    """A call as a person would write it again: without what is as it is by default."""
    given: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        value = values[parameter.name]
        if parameter.kind is parameter.VAR_KEYWORD:
            given |= value
        elif parameter.name not in UNTOLD and value != parameter.default:
            given[parameter.name] = value
    told = ", ".join(f"{name}={_told(value)}" for name, value in given.items() if value is not None)
    return f"silktune.{function.__name__}({told})"


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        return repr(dict(value))
    if isinstance(value, Path):
        return repr(str(value))
    return repr(value if isinstance(value, str | int | float | list | tuple) else getattr(value, "name", value))
