"""What is in a label table, a prepared data set or a table of class counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from silktune.errors import SettingsError
from silktune.settings import Data, Experiment, names

if TYPE_CHECKING:
    import pandas as pd

    from silktune.data.describe import Description


@dataclass(frozen=True)
class DataDescription:
    """A data set in numbers."""

    description: Description

    @property
    def name(self) -> str:
        return self.description.name

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of it, in sentences."""
        return self.description.notes

    @property
    def variables(self) -> pd.DataFrame:
        """A row per variable: K, labelled images, background, under-represented classes and their share m/K, IR, BD."""
        from silktune.api import frames

        return frames.of_variables(self.description)

    @property
    def classes(self) -> pd.DataFrame:
        """A row per variable and class: images, whether it is under-represented, and how many in each subset."""
        from silktune.api import frames

        return frames.of_classes(self.description)

    @property
    def triplets(self) -> pd.DataFrame:
        """A row per `loss.sem_margin`: which shares of training images and triplets L_sem can use.

        A table of counts has none.
        """
        from silktune.api import frames

        return frames.of_triplets(self.description)

    def __repr__(self) -> str:
        return f"DataDescription({self.name}: {', '.join(variable.name for variable in self.description.variables)})"

    def _repr_html_(self) -> str:
        return f"{self.variables.to_html()}{self.classes.to_html()}"


def describe(data: str | Path, settings: Mapping[str, Any] | None = None) -> DataDescription:
    """Classes, gaps and imbalance of each variable; a label table is split as it would be for training.

    Args:
        data: a label table, the folder of a prepared data set, or a CSV of counts (variable, class, count).
        settings: of the data, by their dotted names: {"data.min_records": 5}.

    Raises:
        SettingsError: no such setting, a value that it cannot take, or a setting of something else.
        DataError: it is none of these, or it cannot be used.
    """
    chosen = data_settings(settings or {})
    from silktune.data.describe import describe

    return DataDescription(describe(Path(data), chosen))


def data_settings(settings: Mapping[str, Any]) -> Data:
    """The settings of the data that these changes leave.

    Raises:
        SettingsError: no such setting, a value that it cannot take, or a setting of something else.
    """
    experiment = Experiment().with_(settings, "command line")
    others = [name for name in settings if not name.startswith("data.")]
    if others:
        known = ", ".join(name for name in names() if name.startswith("data."))
        raise SettingsError.of(f"command line: {name} is not about the data. There is: {known}." for name in others)
    return experiment.data
