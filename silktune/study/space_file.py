"""Search spaces: YAML under the settings' own dotted names, found by name or path.

    question: What a reader should know of the space.
    set:                      # settings that this space fixes; the command line has the last word
      net.trunk: resnet18
    search:
      train.learning_rate: {low: 1.0e-5, high: 1.0e-2, log: true}
      net.NN_jfc: {choices: [[512], [1024, 32]]}
      loss.alpha_co: {low: 0, high: 1, unless: {loss.lambda_aux: 0}}
    first:                    # points that are tried before the sampler's own, and never stopped early
      P23: {train.learning_rate: 1.0e-4, …}
    asha: {min_epochs: 5, reduction: 3}   # stop trials that fall behind; leave it out to let all end

A range is over integers where the setting is one, and has an optional `step` that divides it. A grid needs choices or
steps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field

from silktune.errors import SettingsError, SpaceError, nearest
from silktune.settings import Experiment, spell
from silktune.study import range_steps
from silktune.study.space import Asha, Dimension, Point, Space, same
from silktune.study.space_checks import SpaceChecks, as_number
from silktune.study.yaml_file import (
    VALUE,
    Complaints,
    FileMapping,
    Named,
    SettingNames,
    Settings,
    Text,
    any_entry,
    checked,
    entries,
    expected,
    known_setting,
    read_content,
)  # fmt: skip

__all__ = ["Asha", "Dimension", "Point", "Space", "experiment", "find", "load", "read_settings", "shelves"]

RANGE = ("low", "high", "log", "step")
NO_RANGE = "a range needs the numbers low and high, a choice needs choices."


class DimensionEntry(FileMapping):
    """What stands under the name of a setting that is searched."""

    OF: ClassVar[str] = "here"
    SHAPE: ClassVar[str] = "{choices: [...]} or {low: ..., high: ...}"
    NEVER_EMPTY: ClassVar[tuple[str, ...]] = ("choices", "log")

    low: Any = None
    high: Any = None
    log: Annotated[bool, Field(strict=True), expected("true or false")] = False
    step: Any = None
    choices: Any = None
    unless: SettingNames = Field({})

    def dimension(self, name: str) -> Dimension:
        """The dimension of a setting.

        Raises:
            SpaceError: it is neither a choice nor a range.
        """
        if "choices" not in self.model_fields_set:
            return self._range(name)
        if mixed := [key for key in RANGE if key in self.model_fields_set]:
            raise SpaceError(f"has choices and {', '.join(mixed)}: it is either a choice or a range.")
        if not isinstance(self.choices, list) or not self.choices:
            raise SpaceError("choices is empty; name at least one value, or take the setting out.")
        choices = [as_number(choice, name) for choice in self.choices]
        if twice := [a for i, a in enumerate(choices) if any(same(a, b) for b in choices[:i])]:
            raise SpaceError(f"choices has {spell(twice[0])} twice.")
        return Dimension(name=name, choices=tuple(choices), unless=self.unless)

    def _range(self, name: str) -> Dimension:
        try:
            low, high = _finite(self.low), _finite(self.high)
            step = None if self.step is None else _finite(self.step)
        except (TypeError, ValueError):
            raise SpaceError(NO_RANGE) from None
        if not low < high or (self.log and (low <= 0 or step is not None)):
            ends = f"low {spell(low)} must be below high {spell(high)}"
            raise SpaceError(f"{ends}; with log above 0 and without step.")
        if whole := isinstance(Experiment().flat()[name], int):
            if not all(float(number or 0).is_integer() for number in (low, high, step)):
                raise SpaceError("low, high and step must be whole numbers.")
            low, high = int(low), int(high)
        if step is not None and (wrong := range_steps.wrong(low, high, step, whole=whole)):
            raise SpaceError(wrong)
        return Dimension(name=name, low=low, high=high, log=self.log, step=step, unless=self.unless)


def _finite(value: Any) -> float:
    """A number of a range. Raises ValueError or TypeError for what is none."""
    if isinstance(value, bool) or not math.isfinite(number := float(value)):
        raise ValueError(value)
    return number


def _searchable(name: str, value: Any, context: Any) -> None:
    known_setting(name)
    if name.startswith("data."):
        raise SettingsError(f"{name} cannot be searched: all trials share one data set. Put it under `set:`.")


def _dimension(name: str, entry: DimensionEntry, context: Any) -> None:
    entry.dimension(name)


class SpaceFile(FileMapping):
    """The content of a space's file."""

    OF: ClassVar[str] = "of a search space"

    question: Text = ""
    set: Settings = Field({})
    search: Annotated[
        dict[str, DimensionEntry],
        BeforeValidator(entries(_searchable)),
        AfterValidator(entries(_dimension, VALUE)),
    ] = Field({})
    first: Annotated[dict[str, Named], BeforeValidator(entries(any_entry))] = Field({})
    asha: Annotated[Asha | None, expected("{min_epochs: 1 or more, reduction: 2 or more}")] = None


def shelves() -> list[Path]:
    """Where spaces are shipped: inside the wheel, or beside the package in a source tree."""
    package = Path(__file__).parents[1]
    return [folder for folder in (package / "search_spaces", package.parent / "search_spaces") if folder.is_dir()]


def find(name: str, folder: str = "", what: str = "search space") -> Path:
    """The file of a space, by path or by the name of a shipped one; of something else in a folder beside the spaces.

    Raises:
        SpaceError: there is none.
    """
    if Path(name).is_file():
        return Path(name)
    shipped = {path.stem: path for shelf in shelves() for path in sorted((shelf / folder).glob("*.yaml"))}
    if name not in shipped:
        raise SpaceError(f"'{name}' is neither a file nor a shipped {what}.{nearest(name, list(shipped))}")
    return shipped[name]


def load(name: str, overrides: Mapping[str, Any]) -> Space:
    """Read and check a space; a setting given in `overrides` is fixed and no longer searched.

    Raises:
        SpaceError: with everything that is wrong with it.
    """
    path = find(name)
    content = read_content(path, SpaceFile)
    searched = content.get("search")
    known = {*(searched if isinstance(searched, dict) else ()), *overrides}
    for key in ("set", "search"):
        if isinstance(entry := content.get(key), dict):
            content[key] = {setting: value for setting, value in entry.items() if setting not in overrides}
    checks = SpaceChecks(str(path))
    file = checked(content, SpaceFile, checks)
    base = checks.base(file.set, overrides)
    dimensions = tuple(entry.dimension(setting) for setting, entry in file.search.items())
    dimensions = checks.dimensions(dimensions, base)
    space = Space(name=path.stem, question=file.question, base=base, dimensions=dimensions, asha=file.asha)
    first = {} if checks.complaints else checks.first(file.first, space, known)
    if checks.complaints:
        raise SpaceError.of(checks.complaints)
    return space.model_copy(update={"first": first})


def read_settings(path: Path) -> dict[str, Any]:
    """The `set:` of a YAML file, such as a search's winner.yaml.

    Raises:
        SpaceError: the file is none, or something is wrong with it.
    """
    complaints = Complaints(str(path))
    file = checked(read_content(path, SpaceFile), SpaceFile, complaints)
    if complaints.complaints:
        raise SpaceError.of(complaints.complaints)
    return file.set


def experiment(file: str, overrides: Mapping[str, Any]) -> Experiment:
    """The defaults, changed by the `set:` of a YAML file (a search's winner.yaml) and by overrides.

    Raises:
        SpaceError: the file is none, or something is wrong with it.
        SettingsError: settings that do not go together, or an override that does not fit.
    """
    base = Experiment()
    if file:
        if not Path(file).is_file():
            raise SpaceError(f"command line: '{file}' is neither a file of settings nor written name=value.")
        base = base.with_(read_settings(Path(file)), f"{file}: set")
    return base.with_(overrides, "command line")
