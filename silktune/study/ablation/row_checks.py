"""What the rows of an ablation table may not be: settings that do not go together, the same experiment twice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from silktune.errors import SettingsError
from silktune.settings import Experiment
from silktune.study.ablation.declared_rows import Line
from silktune.study.yaml_file import Complaints


@dataclass(frozen=True)
class Layers:
    """The settings around those of a row."""

    base: Mapping[str, Any]  # over the defaults
    fixed: Mapping[str, Any]  # by the command line, which has the last word
    sound: bool  # nothing was wrong with the base

    def experiment(self, line: Line) -> Experiment:
        """The experiment of a line.

        Raises:
            SettingsError: its settings do not go together.
        """
        return Experiment().with_({**self.base, **line.changes, **self.fixed})

    def key(self, line: Line) -> object:
        """Equal for lines that are the same experiment; over a base with mistakes, for those that change the same."""
        if self.sound:
            return self.experiment(line).effective()
        return json.dumps({n: v for n, v in line.changes.items() if n not in self.fixed}, sort_keys=True, default=str)


def check(complaints: Complaints, base: Line, rows: Sequence[Line], layers: Layers) -> None:
    """Say which rows are impossible, and which named ones are the same experiment as another.

    Args:
        complaints: takes in what is wrong.
        base: as a line that changes nothing.
        rows: all others; those that are not sound have their complaints already.
        layers: the settings around them.
    """
    said: set[str] = set()
    fits = layers.sound and _fits(complaints, "base", base, layers, said)
    over = replace(layers, sound=fits)
    sound = [row for row in rows if row.sound and _fits(complaints, f"row '{row.id}'", row, layers, said)]
    first = {over.key(base): base}
    for row in (row for row in sound if not row.generated):
        earlier = first.setdefault(over.key(row), row)
        if earlier.id != row.id:  # the same id has its complaint already
            other = f"the base '{base.id}'".removesuffix(" ''") if earlier is base else f"row '{earlier.id}'"
            complaints.say(f"row '{row.id}': is the same experiment as {other}.{_why(earlier, row, over)}")


def _fits(complaints: Complaints, where: str, line: Line, layers: Layers, said: set[str]) -> bool:
    """Whether a line's settings go together; what is wrong in the base or by the command line is said once."""
    wrong = _wrong(line, layers)
    own = _wrong(line, replace(layers, fixed={}))
    for sentence in (sentence for sentence in wrong if sentence not in said):
        complaints.say(f"{where}{'' if sentence in own else ', with the command line'}: {sentence}")
        if where == "base" or sentence not in own:
            said.add(sentence)
    return not wrong


def _wrong(line: Line, layers: Layers) -> list[str]:
    try:
        layers.experiment(line)
    except SettingsError as error:
        return str(error).splitlines()
    return []


def _why(one: Line, other: Line, layers: Layers) -> str:
    """Why two lines that are declared differently are the same, and what to do."""
    without = {name: replace(layers, fixed=_but(layers.fixed, name)) for name in layers.fixed}
    fixed = [name for name, freer in without.items() if _differ(one, other, freer)]
    if not fixed and _differ(one, other, replace(layers, fixed={})):
        fixed = list(layers.fixed)
    if fixed:
        return f" {' and '.join(fixed)} {'is' if len(fixed) == 1 else 'are'} fixed on the command line."
    idle = list(_different(one, other, layers)) if layers.sound else []
    if idle:
        return f" {' and '.join(idle)} {'has' if len(idle) == 1 else 'have'} no effect there."
    return " Take it out, or let it change something."


def _but(settings: Mapping[str, Any], left_out: str) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name != left_out}


def _differ(one: Line, other: Line, layers: Layers) -> bool:
    """Whether two lines are different experiments; they are if one of them is impossible."""
    try:
        return layers.key(one) != layers.key(other)
    except SettingsError:
        return True


def _different(one: Line, other: Line, layers: Layers) -> Iterator[str]:
    """The settings in which two lines differ, with an effect or without."""
    a, b = layers.experiment(one).flat(), layers.experiment(other).flat()
    return (name for name in a if a[name] != b[name])
