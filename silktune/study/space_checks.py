"""What may be wrong with the file of a search space, said all at once; its first half serves every YAML file."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from silktune.errors import SettingsError, SpaceError, nearest
from silktune.settings import Experiment, names, spell
from silktune.study import grid_steps
from silktune.study.space import Asha, Dimension, Point, Space, same

KEYS = ("question", "set", "search", "first", "asha")
DIMENSION_KEYS = ("low", "high", "log", "step", "choices", "unless")
MAPPINGS = ("set", "search", "first")  # of settings, or of points


def read(path: Path) -> dict[str, Any]:
    """A YAML file with the keys of a space; those that hold settings are mappings, empty where they are absent.

    Raises:
        SpaceError: it is no YAML mapping, or has other keys.
    """
    content = read_mapping(path, KEYS)
    complaints = strange_keys(str(path), content, KEYS, "a search space")
    for key in MAPPINGS:
        content[key] = {} if content.get(key) is None else content[key]
        complaints += no_mapping(f"{path}: {key}", content[key])
    if isinstance(content["first"], dict):
        for name, point in content["first"].items():
            complaints += no_mapping(f"{path}: first: {name}", point)
    if complaints:
        raise SpaceError.of(complaints)
    return content


def read_mapping(path: Path, keys: Sequence[str]) -> dict[str, Any]:
    """A YAML file that should have these keys.

    Raises:
        SpaceError: it is no YAML, or no mapping.
    """
    try:
        content = yaml.safe_load(path.read_bytes())
    except (OSError, yaml.YAMLError) as error:
        raise SpaceError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(content, dict):
        raise SpaceError(f"{path}: is no mapping with the keys {', '.join(keys)}.")
    return content


def strange_keys(where: str, content: Mapping[Any, Any], keys: Sequence[str], what: str) -> list[str]:
    """A complaint about every key that `what` does not have."""
    return [f"{where}: {key} is no key of {what}.{nearest(str(key), keys)}" for key in content if key not in keys]


def no_mapping(where: str, content: Any) -> list[str]:
    """The complaint about what should be a mapping by names, if it is none."""
    if not isinstance(content, dict):
        return [f"{where}: {content!r} should be a mapping, name: value."]
    return [f"{where}: {name!r} should be a name." for name in content if not isinstance(name, str)]


class Complaints:
    """Collects what is wrong with a file, to say it all at once."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.complaints: list[str] = []

    def say(self, complaint: str) -> None:
        self.complaints.append(f"{self.where}: {complaint}")


class Checker(Complaints):
    """Collects what is wrong with a space."""

    def base(self, fixed: Mapping[str, Any], overrides: Mapping[str, Any]) -> Experiment:
        """The defaults, changed by the file's `set:` and then by the command line, which has the last word."""
        kept = {name: value for name, value in fixed.items() if name not in overrides}
        try:
            return Experiment().with_({**kept, **overrides}, "")
        except SettingsError as error:
            together = str(error)
        for where, changes in ((f"{self.where}: set", kept), ("command line", overrides)):
            try:
                Experiment().with_(changes, where)
            except SettingsError as error:
                self.complaints.append(str(error))
        if not self.complaints:
            self.say(f"set, with the command line: {together}")
        return Experiment()

    def dimension(self, name: str, content: Any, base: Experiment) -> Dimension | None:
        before = len(self.complaints)
        where = f"search: {name}"
        if name not in names():
            self.say(f"search: {name} is no setting.{nearest(name, names())}")
        elif name.startswith("data."):
            self.say(f"{where} cannot be searched: all trials share one data set. Put it under `set:`.")
        elif not isinstance(content, dict):
            self.say(f"{where}: {content!r} should be {{choices: [...]}} or {{low: ..., high: ...}}.")
        else:
            self._keys(where, content)
            dimension = self._choice(name, content) if "choices" in content else self._range(name, content)
            if dimension:
                self._allowed(where, dimension, base)
                if len(self.complaints) == before:
                    return dimension
        return None

    @staticmethod
    def possible(dimension: Dimension, base: Experiment, searched: Mapping[str, Any]) -> bool:
        """Whether there is a point at which a dimension is searched: a setting that is fixed may rule it out."""
        fixed = {name: value for name, value in dimension.unless.items() if name not in searched}
        return not any(same(base.flat()[name], value) for name, value in fixed.items())

    def _keys(self, where: str, content: Mapping[str, Any]) -> None:
        for key in content:
            if key not in DIMENSION_KEYS:
                self.say(f"{where}: {key} is no key here.{nearest(str(key), DIMENSION_KEYS)}")
        if "choices" in content and (mixed := [key for key in ("low", "high", "log", "step") if key in content]):
            self.say(f"{where}: has choices and {', '.join(mixed)}: it is either a choice or a range.")
        if not isinstance(content.get("log", False), bool):
            self.say(f"{where}: log cannot be {content['log']!r}: it is true or false.")
        unless = content.get("unless") or {}
        if not isinstance(unless, dict):
            self.say(f"{where}: unless: {unless!r} should be a mapping, name: value.")
            return
        for key in unless:
            if key not in names():
                self.say(f"{where}: unless: {key} is no setting.{nearest(str(key), names())}")

    def _choice(self, name: str, content: Mapping[str, Any]) -> Dimension | None:
        choices = content["choices"]
        if not isinstance(choices, list) or not choices:
            self.say(f"search: {name}: choices is empty; name at least one value, or take the setting out.")
            return None
        choices = [_number(choice, name) for choice in choices]
        if twice := [a for i, a in enumerate(choices) if any(same(a, b) for b in choices[:i])]:
            self.say(f"search: {name}: choices has {spell(twice[0])} twice.")
        return Dimension(name=name, choices=tuple(choices), unless=_unless(content))

    def _range(self, name: str, content: Mapping[str, Any]) -> Dimension | None:
        try:
            low, high = _finite(content["low"]), _finite(content["high"])
            step = _finite(content["step"]) if content.get("step") is not None else None
        except (KeyError, TypeError, ValueError):
            self.say(f"search: {name}: a range needs the numbers low and high, a choice needs choices.")
            return None
        log = bool(content.get("log", False))
        if not low < high or (log and (low <= 0 or step is not None)):
            ends = f"low {spell(low)} must be below high {spell(high)}"
            self.say(f"search: {name}: {ends}; with log above 0 and without step.")
            return None
        if whole := isinstance(Experiment().flat()[name], int):
            if not all(float(number or 0).is_integer() for number in (low, high, step)):
                self.say(f"search: {name}: low, high and step must be whole numbers.")
                return None
            low, high = int(low), int(high)
        if step is not None and (wrong := grid_steps.wrong(low, high, step, whole=whole)):
            self.say(f"search: {name}: {wrong}")
            return None
        return Dimension(name=name, low=low, high=high, log=log, step=step, unless=_unless(content))

    def _allowed(self, where: str, dimension: Dimension, base: Experiment) -> None:
        for value in _ends(dimension):
            try:
                base.with_({dimension.name: value})
            except SettingsError as error:
                self.say(f"{where}: {error}")

    def together(self, dimensions: Sequence[Dimension], base: Experiment) -> None:
        """Say which values do not go together, and which conditions name what is searched only later."""
        for one, other in itertools.combinations(dimensions, 2):
            if other.name in one.unless:
                self.say(f"search: {one.name}: unless names {other.name}, which must stand before it.")
            for a, b in itertools.product(_ends(one), _ends(other)):
                try:
                    base.with_({one.name: a, other.name: b})
                except SettingsError as error:
                    self.say(f"search: {one.name}={spell(a)} with {other.name}={spell(b)}: {error}")

    def lowest(self, dimensions: Sequence[Dimension], base: Experiment) -> None:
        """Say if the weights of the loss can all be 0 together."""
        zeros = {d.name: 0.0 for d in dimensions if d.name.startswith("loss.") and d.contains(0.0)}
        try:
            base.with_(zeros)
        except SettingsError as error:
            self.say(f"search: {' and '.join(f'{name}=0' for name in zeros)} together: {error}")

    def asha(self, content: Any) -> Asha | None:
        if content is None:
            return None
        try:
            asha = Asha(min_epochs=int(content["min_epochs"]), reduction=int(content["reduction"]))
        except (KeyError, TypeError, ValueError):
            asha = Asha(min_epochs=0, reduction=0)
        if asha.min_epochs < 1 or asha.reduction < 2:
            self.say(f"asha: {content!r} should be {{min_epochs: 1 or more, reduction: 2 or more}}.")
        return asha

    def first(self, content: Mapping[str, Any], space: Space, known: Collection[str]) -> dict[str, Point]:
        """The points that are tried first, without settings that are not searched there.

        A point may name the settings of the base, and those `known` that are searched elsewhere in the space or
        fixed on the command line.
        """
        points: dict[str, Point] = {}
        for name, written in content.items():
            point = {setting: _number(value, setting) for setting, value in written.items()}
            strange = {s: v for s, v in point.items() if s in names() and s not in known}
            for setting, value in strange.items():
                if not same(value, space.base.flat()[setting]):
                    self.say(f"first: {name}: {setting}={spell(value)} is not searched. Name it under `search:`.")
            if self._inside(name, point, space):
                points[name] = space.project(point)
        return points

    def _inside(self, name: str, point: Mapping[str, Any], space: Space) -> bool:
        before = len(self.complaints)
        known = {dimension.name: dimension for dimension in space.dimensions}
        for setting, value in point.items():
            if setting not in names():
                self.say(f"first: {name}: {setting} is no setting.{nearest(setting, names())}")
            elif setting in known and not known[setting].contains(value):
                self.say(f"first: {name}: {setting}={spell(value)} is not in the space ({known[setting]}).")
        missing = [d.name for d in space.dimensions if d.name not in point and space.active(d, point)]
        if missing:
            self.say(f"first: {name}: has no value for {', '.join(missing)}.")
        return len(self.complaints) == before


def _unless(content: Mapping[str, Any]) -> dict[str, Any]:
    """Where a dimension is not searched, as far as it is written right."""
    unless = content.get("unless")
    return {name: value for name, value in unless.items() if name in names()} if isinstance(unless, dict) else {}


def _ends(dimension: Dimension) -> tuple[Any, ...]:
    return dimension.choices or (dimension.low, dimension.high)


def _finite(value: Any) -> float:
    """A number of a range. Raises ValueError or TypeError for what is none."""
    if isinstance(value, bool) or not math.isfinite(number := float(value)):
        raise ValueError(value)
    return number


def _number(value: Any, name: str) -> Any:
    """YAML reads 1e-4 (without a point) as text."""
    default = Experiment().flat().get(name)
    try:
        return float(value) if isinstance(value, str) and isinstance(default, float) else value
    except ValueError:
        return value
