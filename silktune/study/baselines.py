"""What needs no training of a network, on the same test images: how much of a figure is the network's doing."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from silktune.outcome import MEANS, VARIABLE_FIGURES, Scores, write_whole
from silktune.study.document.parts import Sheet
from silktune.study.metric_summary import TITLES

TITLE = "Without a network, on the same test images"


class Baseline(BaseModel):
    """One of them and its test metrics."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str  # largest class, …
    scores: Scores


class Baselines(BaseModel):
    """`baselines.json`: all that a study can have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str = ""  # of what they were computed on
    found: tuple[Baseline, ...] = ()
    missing: tuple[str, ...] = ()  # what cannot be had and why, in sentences

    @classmethod
    def read(cls, path: Path) -> Self:
        """Those in a file; none where there is no such file, or one of another version: they are computed anew."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (FileNotFoundError, ValidationError):
            return cls()

    def write(self, path: Path) -> None:
        """Write them, whole or not at all."""
        write_whole(path, self.model_dump_json())

    def sheet(self) -> Sheet:
        """A row each, in percent: the means over the variables."""
        rows = [[one.name, *(_percent(getattr(one.scores, mean)) for mean in MEANS)] for one in self.found]
        return Sheet.of_texts("baselines", f"{TITLE} [%]", ["", *TITLES.values()], rows, self.missing)

    def per_variable(self, metric: str) -> Sheet:
        """A row each, in percent: one of `MEANS`, and what it is the mean of, variable by variable."""
        variables = [variable.name for variable in self.found[0].scores.variables] if self.found else []
        part = dict(zip(MEANS, VARIABLE_FIGURES, strict=True))[metric]
        rows = []
        for one in self.found:
            metrics = (getattr(one.scores, metric), *(getattr(variable, part) for variable in one.scores.variables))
            rows.append([one.name, *map(_percent, metrics)])
        return Sheet.of_texts(
            "baselines", f"{TITLE}: {TITLES[metric]} [%]", ["", "mean", *variables], rows, self.missing
        )


NO_BASELINES = Baselines()


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"
