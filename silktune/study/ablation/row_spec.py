"""A line of an ablation table as its file declares it: its settings and a paper's figures, and what may be wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from silktune.errors import SettingsError, nearest
from silktune.outcome import MEANS, VARIABLE_FIGURES
from silktune.settings import Experiment, names
from silktune.study.ablation.rows import Printed
from silktune.study.space_checks import Complaints, no_mapping


@dataclass(frozen=True)
class Line:
    """What a line changes against the base, and what the paper prints of it; the base itself changes the defaults."""

    id: str  # "" where it has none
    changes: Mapping[str, Any] = field(default_factory=dict)
    paper: Mapping[str, Printed] = field(default_factory=dict)
    generated: bool = False
    sound: bool = True  # nothing is wrong with its settings, each by itself


class LineReader(Complaints):
    """Reads what lines are made of."""

    def __init__(self, where: str, *, single: bool) -> None:
        """Begins with no complaints.

        Args:
            where: the file, the beginning of every complaint.
            single: the table has one network for every variable.
        """
        super().__init__(where)
        self.single = single
        self.variables: tuple[str, ...] = ()  # of such a table, once they are known

    def line(self, name: str, where: str, content: Mapping[str, Any], *, in_a_row: bool) -> Line:
        """The line of a mapping with `set` and `paper`."""
        before = len(self.complaints)
        changes = self.settings(where, self.mapping(f"{where}: set", content.get("set")), in_a_row=in_a_row)
        sound = len(self.complaints) == before
        return Line(name, changes, self._paper(where, content.get("paper")), sound=sound)

    def mapping(self, where: str, content: Any) -> dict[str, Any]:
        """A mapping by names, empty where there is none; a complaint if it is something else."""
        wrong = no_mapping(f"{self.where}: {where}", {} if content is None else content)
        self.complaints += wrong
        return {} if wrong or content is None else content

    def text(self, where: str, content: Mapping[str, Any], key: str) -> str:
        """A text of a mapping, "" where there is none."""
        value = content.get(key)
        if value is None or isinstance(value, str):
            return value or ""
        self.say(f"{where}{key}: {value!r} should be text. Put it in quotes.")
        return ""

    def settings(self, where: str, content: Mapping[str, Any], *, in_a_row: bool = True) -> dict[str, Any]:
        """Of some settings those that may be set there and take their value."""
        placed = {name: value for name, value in content.items() if self.may_stand(where, name, in_a_row=in_a_row)}
        return sound_settings(f"{self.where}: {where}", placed, self.complaints)

    def may_stand(self, where: str, name: str, *, in_a_row: bool = True) -> bool:
        """Whether a setting exists and may be set there."""
        before = len(self.complaints)
        if name not in names():
            self.say(f"{where}: {name} is no setting.{nearest(name, names())}")
        elif name == "data.variables" and self.single:
            self.say(f"{where}: data.variables cannot be set here: `variables:` has a network for each of its names.")
        elif name.startswith("data.") and name != "data.variables" and in_a_row:
            self.say(f"{where}: {name} cannot be changed: all rows share one prepared data set. Put it under `base:`.")
        return len(self.complaints) == before

    def _paper(self, where: str, content: Any) -> dict[str, Printed]:
        figures = {}
        for name, value in self.mapping(f"{where}: paper", content).items():
            known = self._figures(name)
            if name not in known:
                self.say(f"{where}: paper: {name} is no figure.{nearest(name, known)}")
            elif (figure := _printed(value)) is None:
                self.say(f"{where}: paper: {name} cannot be {value!r}: it should be in %, like 32.6 or 32.6 ± 1.11.")
            else:
                figures[name] = figure
        return figures

    def _figures(self, name: str) -> list[str]:
        """The names that a figure may have: those of the table's variables, or of whatever variable `name` has."""
        variables: Sequence[str] = self.variables or [name.rpartition(".")[0] or "<variable>"]
        means = () if self.variables else MEANS
        return [*means, *(f"{variable}.{figure}" for variable in variables for figure in VARIABLE_FIGURES)]


def sound_settings(where: str, content: Mapping[str, Any], complaints: list[str]) -> dict[str, Any]:
    """Of some settings those that exist and take their value; adds a complaint about each of the others."""
    sound = {}
    for name, value in content.items():
        try:
            Experiment().with_({name: value}, where)
            sound[name] = value
        except SettingsError as error:
            complaints.append(str(error))
    return sound


def _printed(value: Any) -> Printed | None:
    """A figure as a paper prints it, in percent; None if it is none."""
    try:
        mean, *deviation = (Decimal(part.strip()) / 100 for part in str(value).split("±"))
        if len(deviation) > 1 or not all(0 <= share <= 1 for share in (mean, *deviation)):
            return None
    except InvalidOperation:
        return None
    return Printed(mean=float(mean), deviation=float(deviation[0]) if deviation else None)
