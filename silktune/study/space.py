"""Search spaces: YAML under the settings' own dotted names, found by name or path.

    question: What a reader should know of the space.
    set:                      # settings that this space fixes; the command line has the last word
      net.trunk: resnet18
    search:
      train.learning_rate: {low: 1.0e-5, high: 1.0e-2, log: true}
      net.NN_jfc: {choices: [[512], [1024, 32]]}
      loss.alpha_co: {low: 0, high: 1, unless: {loss.lambda_aux: 0}}
    first:                    # points that are tried before the sampler's own
      P23: {train.learning_rate: 1.0e-4, …}
    asha: {min_epochs: 5, reduction: 3}   # stop trials that fall behind; leave it out to let all end

A range is over integers where the setting is one, and has an optional `step`. A grid needs choices or steps.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from silktune.errors import SettingsError, SpaceError, nearest
from silktune.settings import Experiment, names

Point = dict[str, Any]
KEYS = ("question", "set", "search", "first", "asha")
DIMENSION_KEYS = ("low", "high", "log", "step", "choices", "unless")


@dataclass(frozen=True)
class Dimension:
    """One setting that is searched: a choice or a range; not searched where `unless` holds."""

    name: str
    choices: tuple[Any, ...] = ()
    low: float = 0
    high: float = 0
    log: bool = False
    step: float | None = None
    unless: Mapping[str, Any] = field(default_factory=dict)

    @property
    def integer(self) -> bool:
        return isinstance(Experiment().flat()[self.name], int)

    def contains(self, value: Any) -> bool:
        if self.choices:
            return any(_same(value, choice) for choice in self.choices)
        return isinstance(value, int | float) and self.low <= value <= self.high

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
        count = int((self.high - self.low) / step + 1e-9) + 1
        values = [round(self.low + i * step, 12) for i in range(count)]
        return [int(value) for value in values] if self.integer else values

    def __str__(self) -> str:
        if self.choices:
            return " | ".join(text(choice) for choice in self.choices)
        return (
            f"{self.low:g} … {self.high:g}{', log' if self.log else ''}{f', step {self.step:g}' if self.step else ''}"
        )


@dataclass(frozen=True)
class Asha:
    """Asynchronous successive halving: after min_epochs · reduction^k epochs the best 1/reduction go on."""

    min_epochs: int
    reduction: int


@dataclass(frozen=True)
class Space:
    """What is searched, over which base, and which points are tried first."""

    name: str
    question: str
    base: Experiment
    dimensions: tuple[Dimension, ...]
    first: Mapping[str, Point]
    asha: Asha | None

    def experiment(self, point: Mapping[str, Any]) -> Experiment:
        """The experiment of a point; settings without an effect there are 0."""
        return self.base.with_(point).effective()

    def active(self, dimension: Dimension, point: Mapping[str, Any]) -> bool:
        """Whether a setting is searched, given the ones before it."""
        base = self.base.flat()
        return not any(_same(point.get(name, base[name]), value) for name, value in dimension.unless.items())

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

    def what(self) -> dict[str, Any]:
        """All of it, as JSON."""
        dimensions = {d.name: {key: getattr(d, key) for key in DIMENSION_KEYS} for d in self.dimensions}
        asha = self.asha.__dict__ if self.asha else None
        return {"base": self.base.flat(), "search": dimensions, "first": dict(self.first), "asha": asha}


def text(value: Any) -> str:
    """A setting's value as a person writes it after the `=`."""
    if isinstance(value, list | tuple):
        return f"[{','.join(text(item) for item in value)}]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _same(a: Any, b: Any) -> bool:
    return json.dumps(a, default=list) == json.dumps(b, default=list) or a == b


def shelves() -> list[Path]:
    """Where spaces are shipped: inside the wheel, or beside the package in a source tree."""
    package = Path(__file__).parents[1]
    return [folder for folder in (package / "search_spaces", package.parent / "search_spaces") if folder.is_dir()]


def find(name: str) -> Path:
    """The file of a space, by path or by the name of a shipped one.

    Raises:
        SpaceError: there is none.
    """
    if Path(name).is_file():
        return Path(name)
    shipped = {path.stem: path for folder in shelves() for path in sorted(folder.glob("*.yaml"))}
    if name not in shipped:
        raise SpaceError(f"'{name}' is neither a file nor a shipped search space.{nearest(name, list(shipped))}")
    return shipped[name]


def load(name: str, overrides: Mapping[str, Any]) -> Space:
    """Read and check a space; a setting given in `overrides` is fixed and no longer searched.

    Raises:
        SpaceError: with everything that is wrong with it.
    """
    path = find(name)
    content = read(path)
    checker = _Checker(str(path))
    base = checker.base(content.get("set") or {}, overrides)
    searched = {key: value for key, value in (content.get("search") or {}).items() if key not in overrides}
    dimensions = tuple(d for key, value in searched.items() if (d := checker.dimension(key, value, base)))
    if not searched and not checker.complaints:
        checker.say("there is nothing to search. Name settings under `search:`, or fix fewer on the command line.")
    dimensions = tuple(d for d in dimensions if checker.possible(d, base, searched))
    space = Space(
        path.stem, str(content.get("question") or ""), base, dimensions, {}, checker.asha(content.get("asha"))
    )
    first = checker.first(content.get("first") or {}, space)
    if checker.complaints:
        raise SpaceError.of(checker.complaints)
    return Space(space.name, space.question, base, dimensions, first, space.asha)


def experiment(file: str, overrides: Mapping[str, Any]) -> Experiment:
    """The defaults, changed by the `set:` of a YAML file (a search's winner.yaml) and by overrides.

    Raises:
        SpaceError: the file is none, or has a setting that does not exist.
        SettingsError: an override that does not fit.
    """
    base = Experiment()
    if file:
        if not Path(file).is_file():
            raise SpaceError(f"command line: '{file}' is neither a file of settings nor written name=value.")
        base = base.with_(read(Path(file)).get("set") or {}, f"{file}: set")
    return base.with_(overrides, "command line")


def read(path: Path) -> dict[str, Any]:
    """A YAML file with the keys of a space.

    Raises:
        SpaceError: it is no YAML mapping, or has other keys.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SpaceError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(content, dict):
        raise SpaceError(f"{path}: is no mapping with the keys {', '.join(KEYS)}.")
    unknown = [
        f"{path}: {key} is no key of a search space.{nearest(str(key), KEYS)}" for key in content if key not in KEYS
    ]
    if unknown:
        raise SpaceError.of(unknown)
    return content


class _Checker:
    """Collects what is wrong with a space, to say it all at once."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.complaints: list[str] = []

    def say(self, complaint: str) -> None:
        self.complaints.append(f"{self.where}: {complaint}")

    def base(self, fixed: Mapping[str, Any], overrides: Mapping[str, Any]) -> Experiment:
        try:
            base = Experiment().with_(
                dict(fixed) | {k: v for k, v in overrides.items() if k in names()}, f"{self.where}: set"
            )
        except SettingsError as error:
            self.complaints.append(str(error))
            base = Experiment()
        try:
            return base.with_(overrides, "command line")
        except SettingsError as error:
            raise SpaceError.of([*self.complaints, str(error)]) from error

    def dimension(self, name: str, content: Any, base: Experiment) -> Dimension | None:
        before = len(self.complaints)
        where = f"search: {name}"
        if name not in names():
            self.say(f"search: {name} is no setting.{nearest(str(name), names())}")
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
        return not any(_same(base.flat()[name], value) for name, value in fixed.items())

    def _keys(self, where: str, content: Mapping[str, Any]) -> None:
        for key in content:
            if key not in DIMENSION_KEYS:
                self.say(f"{where}: {key} is no key here.{nearest(str(key), DIMENSION_KEYS)}")
        unless = content.get("unless") or {}
        for key in unless if isinstance(unless, dict) else [unless]:
            if key not in names():
                self.say(f"{where}: unless: {key} is no setting.{nearest(str(key), names())}")

    def _choice(self, name: str, content: Mapping[str, Any]) -> Dimension | None:
        choices = content["choices"]
        if not isinstance(choices, list) or not choices:
            self.say(f"search: {name}: choices is empty; name at least one value, or take the setting out.")
            return None
        return Dimension(name, choices=tuple(choices), unless=content.get("unless") or {})

    def _range(self, name: str, content: Mapping[str, Any]) -> Dimension | None:
        try:
            low, high = float(content["low"]), float(content["high"])
            step = float(content["step"]) if content.get("step") is not None else None
        except (KeyError, TypeError, ValueError):
            self.say(f"search: {name}: a range needs the numbers low and high, a choice needs choices.")
            return None
        log = bool(content.get("log", False))
        if not low < high or (log and low <= 0) or (step is not None and (step <= 0 or log)):
            self.say(f"search: {name}: low {low:g} must be below high {high:g}; with log above 0 and without step.")
            return None
        if isinstance(Experiment().flat()[name], int):
            low, high = int(low), int(high)
        return Dimension(name, low=low, high=high, log=log, step=step, unless=content.get("unless") or {})

    def _allowed(self, where: str, dimension: Dimension, base: Experiment) -> None:
        for value in dimension.choices or (dimension.low, dimension.high):
            try:
                base.with_({dimension.name: value})
            except SettingsError as error:
                self.say(f"{where}: {error}")

    def asha(self, content: Any) -> Asha | None:
        if content is None:
            return None
        try:
            asha = Asha(int(content["min_epochs"]), int(content["reduction"]))
        except (KeyError, TypeError, ValueError):
            asha = Asha(0, 0)
        if asha.min_epochs < 1 or asha.reduction < 2:
            self.say(f"asha: {content!r} should be {{min_epochs: 1 or more, reduction: 2 or more}}.")
        return asha

    def first(self, content: Any, space: Space) -> dict[str, Point]:
        if not isinstance(content, dict):
            self.say("first: should name points, each a mapping of settings.")
            return {}
        return {
            str(name): space.project(point)
            for name, point in content.items()
            if self._inside(str(name), point or {}, space)
        }

    def _inside(self, name: str, point: Mapping[str, Any], space: Space) -> bool:
        before = len(self.complaints)
        known = {dimension.name: dimension for dimension in space.dimensions}
        for setting, value in point.items():
            if setting not in names():
                self.say(f"first: {name}: {setting} is no setting.{nearest(setting, names())}")
            elif setting in known and not known[setting].contains(_number(value)):
                self.say(f"first: {name}: {setting}={text(value)} is not in the space ({known[setting]}).")
        missing = [d.name for d in space.dimensions if d.name not in point and space.active(d, point)]
        if missing:
            self.say(f"first: {name}: has no value for {', '.join(missing)}.")
        return len(self.complaints) == before


def _number(value: Any) -> Any:
    """YAML reads 1e-4 (without a point) as text."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value
