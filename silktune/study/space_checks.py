"""What may be wrong with a search space whose file is right line by line: what does not go together."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from silktune.errors import SettingsError, nearest
from silktune.settings import Experiment, names, spell
from silktune.study.space import Dimension, Point, Space, same
from silktune.study.yaml_file import Complaints


class SpaceChecks(Complaints):
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

    def dimensions(self, dimensions: Sequence[Dimension], base: Experiment) -> tuple[Dimension, ...]:
        """Those that are searched at any point: a setting that is fixed may rule one out."""
        for dimension in dimensions:
            self._allowed(dimension, base)
        searched = {dimension.name for dimension in dimensions}
        possible = tuple(dimension for dimension in dimensions if _possible(dimension, base, searched))
        if not possible and not self.complaints:
            self.say("there is nothing to search. Name settings under `search:`, or fix fewer on the command line.")
        if not self.complaints:
            self._together(possible, base)
        if not self.complaints:
            self._lowest(possible, base)
        return possible

    def _allowed(self, dimension: Dimension, base: Experiment) -> None:
        for value in _ends(dimension):
            try:
                base.with_({dimension.name: value})
            except SettingsError as error:
                self.say(f"search: {dimension.name}: {error}")

    def _together(self, dimensions: Sequence[Dimension], base: Experiment) -> None:
        """Say which values do not go together, and which conditions name what is searched only later."""
        for one, other in itertools.combinations(dimensions, 2):
            if other.name in one.unless:
                self.say(f"search: {one.name}: unless names {other.name}, which must stand before it.")
            for a, b in itertools.product(_ends(one), _ends(other)):
                try:
                    base.with_({one.name: a, other.name: b})
                except SettingsError as error:
                    self.say(f"search: {one.name}={spell(a)} with {other.name}={spell(b)}: {error}")

    def _lowest(self, dimensions: Sequence[Dimension], base: Experiment) -> None:
        """Say if the weights of the loss can all be 0 together."""
        zeros = {d.name: 0.0 for d in dimensions if d.name.startswith("loss.") and d.contains(0.0)}
        try:
            base.with_(zeros)
        except SettingsError as error:
            self.say(f"search: {' and '.join(f'{name}=0' for name in zeros)} together: {error}")

    def first(self, content: Mapping[str, Any], space: Space, known: Collection[str]) -> dict[str, Point]:
        """The points that are tried first, without settings that are not searched there.

        A point may name the settings of the base, and those `known` that are searched elsewhere in the space or
        fixed on the command line.
        """
        points: dict[str, Point] = {}
        for name, written in content.items():
            point = {setting: as_number(value, setting) for setting, value in written.items()}
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


def _possible(dimension: Dimension, base: Experiment, searched: Collection[str]) -> bool:
    fixed = {name: value for name, value in dimension.unless.items() if name not in searched}
    return not any(same(base.flat()[name], value) for name, value in fixed.items())


def _ends(dimension: Dimension) -> tuple[Any, ...]:
    return dimension.choices or (dimension.low, dimension.high)


def as_number(value: Any, name: str) -> Any:
    """YAML reads 1e-4 (without a point) as text."""
    default = Experiment().flat().get(name)
    try:
        return float(value) if isinstance(value, str) and isinstance(default, float) else value
    except ValueError:
        return value
