"""The rows of an ablation table that are declared together and made here: one left out each, all combinations."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from typing import Any

from silktune.settings import Experiment, spell
from silktune.settings.descriptions import describe
from silktune.study.ablation.row_spec import Line, LineReader, sound_settings


def generated(reader: LineReader, left_out: Any, factorial: Any, fixed: Collection[str]) -> list[Line]:
    """The rows that `leave_one_out:` and `factorial:` make; what both make alike is there once.

    Args:
        reader: takes in the complaints.
        left_out: the content of `leave_one_out:`.
        factorial: the content of `factorial:`.
        fixed: settings that the command line fixes; there are no rows for them.
    """
    lines: list[Line] = []
    for line in (*_left_out(reader, left_out or [], fixed), *_crossed(reader, factorial or [], fixed)):
        if line not in lines:
            lines.append(line)
    return lines


def _left_out(reader: LineReader, listed: Any, fixed: Collection[str]) -> Iterator[Line]:
    """One row for every setting, in which it is off."""
    where = "leave_one_out"
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        reader.say(f"{where}: {listed!r} should be a list of settings.")
        return
    for name in listed:
        if (off := _off(name)) is None:
            reader.say(f"{where}: {name} has no value that turns it off: it is no number and no list of nodes.")
        elif (changes := reader.settings(where, {name: off})) and name not in fixed:
            yield Line(f"without {_short(name)}", changes, generated=True)


def _off(name: str) -> Any:
    """The value that turns a setting off; None if there is none."""
    neutral = {setting.name: setting.neutral for setting in describe()}.get(name)
    if neutral is not None:
        return neutral
    default = Experiment().flat().get(name, 0)
    if isinstance(default, int | float):
        return 0
    return [] if isinstance(default, tuple) and name != "data.variables" else None


def _crossed(reader: LineReader, listed: Any, fixed: Collection[str]) -> Iterator[Line]:
    """One row for every combination of the factors' values."""
    for content in listed if isinstance(listed, list) else [listed]:
        before = len(reader.complaints)
        factors = {n: _values(reader, n, values) for n, values in reader.mapping("factorial", content).items()}
        factors = {name: values for name, values in factors.items() if name not in fixed}
        if not factors or len(reader.complaints) > before:
            continue
        for values in itertools.product(*factors.values()):
            cell = dict(zip(factors, values, strict=True))
            yield Line(" ".join(f"{_short(n)}={_value(value)}" for n, value in cell.items()), cell, generated=True)


def _values(reader: LineReader, name: str, values: Any) -> list[Any]:
    """The values of a factor, each a complaint if the setting does not take it."""
    if not reader.may_stand("factorial", name):
        return []
    if not isinstance(values, list) or not values:
        reader.say(f"factorial: {name}: {values!r} should be a list of values, at least one.")
        return []
    where = f"{reader.where}: factorial"
    return [value for value in values if sound_settings(where, {name: value}, reader.complaints)]


def _value(value: Any) -> str:
    """A value in a row's id, where a list needs brackets to be seen as one."""
    return f"[{spell(value)}]" if isinstance(value, list) and value else spell(value)


def _short(name: str) -> str:
    return name.rpartition(".")[2]
