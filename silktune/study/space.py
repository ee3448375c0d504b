"""What a search space is in memory: settings that are searched, over a base, and the points tried first."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_serializer, field_validator

from silktune.errors import SettingsError, SpaceError
from silktune.settings import Experiment, Net, spell
from silktune.settings.identity import KeptExperiment
from silktune.study import range_steps

Point = dict[str, Any]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Dimension(_Frozen):
    """One setting that is searched: a choice or a range; not searched where `unless` holds."""

    name: str
    choices: tuple[Any, ...] = ()
    low: int | float = 0
    high: int | float = 0
    log: bool = False
    step: int | float | None = None
    unless: dict[str, Any] = {}

    @property
    def integer(self) -> bool:
        return isinstance(Experiment().flat()[self.name], int)

    def contains(self, value: Any) -> bool:
        if self.choices:
            return any(same(value, choice) for choice in self.choices)
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.low <= value <= self.high:
            return False
        return (not self.integer or float(value).is_integer()) and same(self.clean(value), value)

    def clean(self, value: Any) -> Any:
        """A proposed value as the grid has it: 0.9 where its steps were added up to 0.8999999999999999."""
        if self.choices or not self.step:
            return value
        value = range_steps.nearest_value(self.low, self.step, value)
        return int(value) if self.integer else value

    def values(self) -> list[Any]:
        """Every value, for a grid.

        Raises:
            SpaceError: a range without a step has no end of them.
        """
        if self.choices:
            return list(self.choices)
        step = self.step or (1 if self.integer and not self.log else None)
        if step is None:
            raise SpaceError(f"{self.name} is a range without a step: a grid needs choices or a step.")
        count = int((range_steps.decimal(self.high) - range_steps.decimal(self.low)) // range_steps.decimal(step)) + 1
        values = [range_steps.at(self.low, step, number) for number in range(count)]
        return [int(value) for value in values] if self.integer else values

    def __str__(self) -> str:
        if self.choices:
            return " | ".join(spell(choice) for choice in self.choices)
        step = f", step {spell(self.step)}" if self.step else ""
        return f"{spell(self.low)} … {spell(self.high)}{', log' if self.log else ''}{step}"


class Asha(_Frozen):
    """Asynchronous successive halving: after min_epochs · reduction^k epochs the best 1/reduction go on."""

    min_epochs: int = Field(ge=1)
    reduction: int = Field(ge=2)


class Space(_Frozen):
    """What is searched, over which base, and which points are tried first.

    As JSON it is all but its name and its question, which change no trial; of a dimension, what is not the default.
    """

    name: str = Field(default="", exclude=True)
    question: str = Field(default="", exclude=True)
    base: KeptExperiment
    dimensions: tuple[Dimension, ...]
    first: dict[str, Point] = {}
    asha: Asha | None = None

    @field_serializer("dimensions")
    def _by_name(self, dimensions: tuple[Dimension, ...]) -> dict[str, Any]:
        ends = {d.name: {} if d.choices else {"low": d.low, "high": d.high} for d in dimensions}
        return {d.name: ends[d.name] | d.model_dump(exclude={"name"}, exclude_defaults=True) for d in dimensions}

    @field_validator("dimensions", mode="before")
    @classmethod
    def _named(cls, dimensions: Any) -> Any:
        return (
            [keys | {"name": name} for name, keys in dimensions.items()] if isinstance(dimensions, dict) else dimensions
        )

    def experiment(self, point: Mapping[str, Any]) -> Experiment:
        """The experiment of a point; settings without an effect there are 0."""
        return self.base.with_(point).effective()

    def nets(self) -> list[Net]:
        """The networks of its trials, as far as it is for their weights; each as deep as any of them is trained."""
        choices = {d.name: d.choices for d in self.dimensions if d.name in ("net.trunk", "net.weights")}
        depths = {d.name: (max(d.choices or (d.high,)),) for d in self.dimensions if d.name == "net.NB_RN"}
        choices.update(depths)
        points = (dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values()))
        return [self.base.with_(point).net for point in points]

    def trunks(self) -> list[Experiment]:
        """Experiments that stand for all of its trials as far as it is for what is frozen of their trunks."""
        names = ("net.trunk", "net.weights", "net.NB_RN", "train.self_views")
        searched = {d.name: d.values() for d in self.dimensions if d.name in names}
        points = (dict(zip(searched, values, strict=True)) for values in itertools.product(*searched.values()))
        weighed = {d.name: 1.0 for d in self.dimensions if d.name in ("loss.lambda_aux", "loss.alpha_slf")}
        found = []
        for point in points:
            with suppress(SettingsError):  # more blocks than this trunk has
                found.append(self.base.with_(point | weighed))
        return found

    def active(self, dimension: Dimension, point: Mapping[str, Any]) -> bool:
        """Whether a setting is searched, given the ones before it."""
        base = self.base.flat()
        return not any(same(point.get(name, base[name]), value) for name, value in dimension.unless.items())

    def grid(self) -> list[Point]:
        """Every point, in the order of the file; points that mean the same are there once.

        Raises:
            SpaceError: a range without a step.
        """
        values = [dimension.values() for dimension in self.dimensions]
        points, seen = [], set()
        for combination in itertools.product(*values):
            point = self.project(dict(zip((d.name for d in self.dimensions), combination, strict=True)))
            if (key := json.dumps(point, sort_keys=True)) not in seen:
                seen.add(key)
                points.append(point)
        return points

    def project(self, values: Mapping[str, Any]) -> Point:
        """Of some values, those of the settings that are searched."""
        point: Point = {}
        for dimension in self.dimensions:
            if dimension.name in values and self.active(dimension, point):
                point[dimension.name] = values[dimension.name]
        return point


def same(a: Any, b: Any) -> bool:
    return json.dumps(a, default=list) == json.dumps(b, default=list) or a == b
