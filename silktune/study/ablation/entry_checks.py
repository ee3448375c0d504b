"""What the entries of an ablation table's file may hold: settings of the base and of rows, factors, printed metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from silktune.errors import SettingsError, SpaceError, nearest
from silktune.outcome import MEANS, VARIABLE_FIGURES
from silktune.settings import Experiment
from silktune.settings.descriptions import describe
from silktune.study.ablation.table_model import Printed
from silktune.study.yaml_file import (
    SETTING,
    VALUE,
    FileMapping,
    ListedText,
    entries,
    expected,
    known_setting,
    raise_at,
    should_be,
    sound_setting,
)  # fmt: skip


@dataclass(frozen=True)
class Variables:
    """The variables of a table of single-task networks, as far as its file names them right."""

    single: bool  # there is a network for each
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, content: Mapping[Any, Any]) -> Variables:
        listed = content.get("variables")
        sound = isinstance(listed, list) and all(isinstance(name, str) and name for name in listed)
        return cls("variables" in content, tuple(listed or ()) if sound else ())

    def metrics(self, name: str) -> list[str]:
        """What a paper may print: of these variables, else the means and those of the variable that `name` has."""
        variables: Sequence[str] = self.names or [name.rpartition(".")[0] or "<variable>"]
        means = () if self.names else MEANS
        return [*means, *(f"{variable}.{metric}" for variable in variables for metric in VARIABLE_FIGURES)]


def _base_setting(name: str, value: Any, variables: Variables) -> None:
    if name == "data.variables" and variables.single:
        raise SpaceError(f"{name} cannot be set here: `variables:` has a network for each of its names.")
    sound_setting(name, value)


def _may_change(name: str, variables: Variables) -> None:
    known_setting(name)
    if name.startswith("data.") and name != "data.variables":
        raise SpaceError(f"{name} cannot be changed: all rows share one prepared data set. Put it under `base:`.")


def _row_setting(name: str, value: Any, variables: Variables) -> None:
    _may_change(name, variables)
    _base_setting(name, value, variables)


def _factor(name: str, values: Any, variables: Variables) -> None:
    _may_change(name, variables)
    if not isinstance(values, list) or not values:
        raise SpaceError(f"{name}: {values!r} should be a list of values, at least one.")
    complaints = []
    for value in values:
        try:
            _row_setting(name, value, variables)
        except (SettingsError, SpaceError) as error:
            complaints.append(str(error))
    if complaints:
        raise SpaceError.of(dict.fromkeys(complaints))


def _left_out(listed: list[str], info: ValidationInfo[Variables]) -> list[str]:
    complaints = {}
    for number, name in enumerate(listed):
        try:
            if name and (off := off_value(name)) is None:
                raise SpaceError(f"{name} has no value that turns it off: it is no number and no list of nodes.")
            if name:
                _row_setting(name, off, info.context)
        except (SettingsError, SpaceError) as error:
            complaints[number] = str(error)
    if complaints:
        raise_at(VALUE, complaints)
    return listed


def _each_once(listed: list[str]) -> list[str]:
    twice = {
        number: f"{name} is there twice." for number, name in enumerate(listed) if name in listed[:number] and name
    }
    if twice:
        raise_at(VALUE, twice)
    return listed


def _listed_rows(listed: Any) -> Any:
    if not isinstance(listed, list):
        raise should_be("a list, - {id: …, set: {name: value}}", listed)
    return listed


def _listed_factorials(content: Any) -> Any:
    """One factorial or a list of them."""
    if isinstance(content, list):
        return content
    if not isinstance(content, dict):
        raise should_be(FileMapping.SHAPE, content)
    return [content]


def off_value(name: str) -> Any:
    """The value that turns a setting off; None if there is none."""
    neutral = {setting.name: setting.neutral for setting in describe()}.get(name)
    if neutral is not None:
        return neutral
    default = Experiment().flat().get(name, 0)
    if isinstance(default, int | float):
        return 0
    return [] if isinstance(default, tuple) and name != "data.variables" else None


def _printed(name: str, value: Any, variables: Variables) -> None:
    known = variables.metrics(name)
    if name not in known:
        raise SpaceError(f"{name} is no metric.{nearest(name, known)}")
    if printed(value) is None:
        raise SpaceError(f"{name} cannot be {value!r}: it should be in %, like 32.6 or 32.6 ± 1.11.")


def printed(value: Any) -> Printed | None:
    """A metric as a paper prints it, in percent; None if it is none."""
    try:
        mean, *deviation = (Decimal(part.strip()) / 100 for part in str(value).split("±"))
        if len(deviation) > 1 or not all(0 <= share <= 1 for share in (mean, *deviation)):
            return None
    except InvalidOperation:
        return None
    return Printed(mean=float(mean), deviation=float(deviation[0]) if deviation else None)


BaseSettings = Annotated[dict[str, Any], BeforeValidator(entries(_base_setting, SETTING))]
RowSettings = Annotated[dict[str, Any], BeforeValidator(entries(_row_setting, SETTING))]
Paper = Annotated[dict[str, Any], BeforeValidator(entries(_printed))]
Names = Annotated[
    list[ListedText], Field(min_length=1), expected("a list of names, at least one"), AfterValidator(_each_once)
]
LeftOut = Annotated[list[ListedText], expected("a list of settings"), AfterValidator(_left_out)]
RowList = BeforeValidator(_listed_rows)
Factorials = Annotated[
    list[Annotated[dict[str, Any], BeforeValidator(entries(_factor))]], BeforeValidator(_listed_factorials)
]
