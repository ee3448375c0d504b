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

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from silktune.errors import SpaceError, nearest
from silktune.settings import Experiment
from silktune.study.space import Asha, Dimension, Point, Space
from silktune.study.space_checks import Checker, read

__all__ = ["Asha", "Dimension", "Point", "Space", "experiment", "find", "load", "read", "shelves"]


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
    content = read(path)
    checker = Checker(str(path))
    base = checker.base(content["set"], overrides)
    searched = {key: value for key, value in content["search"].items() if key not in overrides}
    dimensions = tuple(d for key, value in searched.items() if (d := checker.dimension(key, value, base)))
    dimensions = tuple(d for d in dimensions if checker.possible(d, base, searched))
    if not dimensions and not checker.complaints:
        checker.say("there is nothing to search. Name settings under `search:`, or fix fewer on the command line.")
    if not checker.complaints:
        checker.together(dimensions, base)
    if not checker.complaints:
        checker.lowest(dimensions, base)
    space = Space(
        name=path.stem, question=str(content.get("question") or ""), base=base, dimensions=dimensions,
        asha=checker.asha(content.get("asha")),
    )  # fmt: skip
    first = {} if checker.complaints else checker.first(content["first"], space, {*content["search"], *overrides})
    if checker.complaints:
        raise SpaceError.of(checker.complaints)
    return space.model_copy(update={"first": first})


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
        base = base.with_(read(Path(file))["set"], f"{file}: set")
    return base.with_(overrides, "command line")
