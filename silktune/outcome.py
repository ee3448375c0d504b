"""What a training says while it runs and what it ends with; frozen, JSON both ways.

Every metric is a share in [0, 1], not a percentage. A metric that is not defined (the F1 of a class without a
labelled image in the subset) is None and is left out of means.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, ValidationError, field_serializer, field_validator, model_validator

from silktune.errors import StudyError
from silktune.safe_names import distinct_names

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

Subset = Literal["train", "validation", "test"]
State = Literal["finished", "pruned", "failed"]
StopOn = Literal["L", "C", "mean_f1"]  # what the best epoch is best in, on the validation set


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class ClassScores(_Record):
    """One class of one variable on one subset. Background, where there is any, is the last class."""

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int  # images whose label it is
    minority: bool  # under-represented: ζ < 1/K_m over the whole data set


class Confusion(_Record):
    """A confusion matrix without its zeros: of a thousand classes it has a few hundred entries, not a million."""

    K: int  # classes, background included
    counts: tuple[tuple[int, int, int], ...]  # (true class, predicted class, images), ascending

    @model_validator(mode="before")
    @classmethod
    def _sparse(cls, value: Any) -> Any:
        """A matrix is taken too: a row per true class, a column per predicted one."""
        if not isinstance(value, list | tuple) or not all(isinstance(row, list | tuple) for row in value):
            return value
        counts = ((i, j, count) for i, row in enumerate(value) for j, count in enumerate(row) if count)
        return {"K": len(value), "counts": tuple(counts)}

    @classmethod
    def count(cls, K: int, pairs: ArrayLike) -> Self:
        """Of (N, 2) a true class and a predicted class for each image."""
        import numpy as np

        cells, counts = np.unique(np.asarray(pairs, np.int64).reshape(-1, 2) @ (K, 1), return_counts=True)
        return cls(K=K, counts=tuple(zip(*(column.tolist() for column in (*divmod(cells, K), counts)), strict=True)))

    @classmethod
    def total(cls, parts: Sequence[Confusion]) -> Confusion:
        """The sum of one or more matrices of the same classes."""
        sums: Counter[tuple[int, int]] = Counter()
        for part in parts:
            for i, j, count in part.counts:
                sums[i, j] += count
        return Confusion(K=parts[0].K, counts=tuple((i, j, count) for (i, j), count in sorted(sums.items())))

    def matrix(self) -> NDArray[np.int64]:
        """(K, K) images, true class × predicted class."""
        import numpy as np

        matrix = np.zeros((self.K, self.K), np.int64)
        true, predicted, images = np.array(self.counts, np.int64).reshape(-1, 3).T
        matrix[true, predicted] = images
        return matrix


class VariableScores(_Record):
    """One variable on one subset (PAPERS: F1 and OA of a variable)."""

    name: str
    f1: float | None  # mean over the classes of interest
    f1_with_background: float | None
    f1_minority: float | None  # mean over the under-represented classes of interest
    OA: float | None
    labelled: int  # images with a known label
    classes: tuple[ClassScores, ...]
    confusion: Confusion  # background last

    @field_serializer("classes", when_used="json")
    def _columns(self, classes: tuple[ClassScores, ...]) -> dict[str, list[Any]]:
        """The classes by columns: their names for metrics are not written for each."""
        return {name: [getattr(one, name) for one in classes] for name in ClassScores.model_fields}

    @field_validator("classes", mode="before")
    @classmethod
    def _rows(cls, classes: Any) -> Any:
        if not isinstance(classes, dict) or not all(isinstance(column, list) for column in classes.values()):
            return classes
        return [dict(zip(classes, row, strict=True)) for row in zip(*classes.values(), strict=True)]


class Scores(_Record):
    """All variables on one subset; means are over the variables."""

    mean_f1: float
    mean_f1_with_background: float
    mean_f1_minority: float | None
    OA: float
    variables: tuple[VariableScores, ...]

    def metrics(self) -> dict[Parts, float]:
        """Every metric that is defined, by the parts of its name: (mean_f1,), (place, f1), (place, FR, f1), …"""
        found: dict[Parts, float | None] = {(name,): getattr(self, name) for name in MEANS}
        for variable in self.variables:
            found |= {(variable.name, name): getattr(variable, name) for name in VARIABLE_FIGURES}
            for scores in variable.classes:
                found |= {(variable.name, scores.name, name): getattr(scores, name) for name in CLASS_FIGURES}
        return {parts: value for parts, value in found.items() if value is not None}

    def names(self) -> Mapping[Parts, str]:
        """What every metric is called in a record, defined or not: mean_f1, place.f1, place.OA, place.FR.f1, …

        Where two would have the same name (variable `material`, class `main.silk`; variable `material.main`, class
        `silk`) each has a digest added: the names are those of the variables and classes alone, in every run.
        """
        return _names(tuple((v.name, tuple(scores.name for scores in v.classes)) for v in self.variables))

    def flat(self) -> dict[str, float]:
        """Every metric that is defined under its name in a record."""
        names = self.names()
        return {names[parts]: value for parts, value in self.metrics().items()}


Parts = tuple[str, ...]  # (variable, class, metric), (variable, metric) or (metric,)
Name = str | Parts
MEANS = ("mean_f1", "mean_f1_with_background", "mean_f1_minority", "OA")
VARIABLE_FIGURES = ("f1", "f1_with_background", "f1_minority", "OA")
CLASS_FIGURES = ("precision", "recall", "f1")
RESERVED = ("best.", "loss.")  # beside validation scores a record has `validation.best.…` and `validation.loss.…`


@lru_cache(maxsize=16)
def _names(variables: tuple[tuple[str, tuple[str, ...]], ...]) -> Mapping[Parts, str]:
    """The names of all metrics of some variables, each with its classes."""
    keys: list[Parts] = [(name,) for name in MEANS]
    for variable, classes in variables:
        keys += [(variable, name) for name in VARIABLE_FIGURES]
        keys += [(variable, scores, name) for scores in classes for name in CLASS_FIGURES]
    return distinct_names({parts: ".".join(parts) for parts in keys}, RESERVED)


class Epoch(_Record):
    """One epoch: losses by term (L, C, aux, sem, co, slf; what is not computed is absent) and validation scores.

    The validation losses have CE too, the plain cross-entropy, where a training stops on it (`train.stop_on=C`).
    """

    number: int  # 1, 2, …
    train_loss: dict[str, float]
    train_shares: dict[str, float] = {}  # sem.anchors, sem.triplets: of the batches, what L_sem could use
    validation_loss: dict[str, float]
    validation: Scores
    seconds: float

    def flat(self) -> dict[str, float]:
        """Every metric of the epoch but those per class, under its name in a record."""
        metrics = {f"train.loss.{term}": value for term, value in self.train_loss.items()}
        metrics |= {f"train.{name}": value for name, value in self.train_shares.items()}
        metrics |= {f"validation.loss.{term}": value for term, value in self.validation_loss.items()}
        names = self.validation.names()
        scores = {names[parts]: value for parts, value in self.validation.metrics().items() if len(parts) < 3}
        return metrics | {f"validation.{name}": value for name, value in scores.items()} | {"seconds": self.seconds}


class Outcome(_Record):
    """What a trial ended with.

    `validation` is that of the best epoch, the one whose weights are the result. `test` is there only for runs
    that were tested: the trials of a search are not.
    """

    state: State
    reason: str = ""
    best_epoch: int = 0
    stop_on: StopOn = "L"
    epochs: tuple[Epoch, ...] = ()
    validation: Scores | None = None
    test: Scores | None = None
    seconds: float = 0.0
    device: str = ""
    fingerprint: str = ""  # of the trial, so that an outcome is never taken for another's
    versions: dict[str, str] = {}  # package → version, of what trained it; none in outcomes of before there were any

    @property
    def value(self) -> float:
        """The validation mean F1 of the best epoch, by which hyperparameters are chosen (P23 §5.1)."""
        if self.validation is None:
            raise ValueError(f"a trial that {self.state} has no validation scores")
        return self.validation.mean_f1

    @property
    def trained(self) -> int:
        """The number of epochs that it was trained for."""
        return self.epochs[-1].number if self.epochs else 0

    def brief(self) -> Outcome:
        """Of the epochs only the last: of many trials, all epochs fill the memory."""
        return self.model_copy(update={"epochs": self.epochs[-1:]})

    def write(self, path: Path) -> None:
        """Write as JSON, whole or not at all."""
        write_whole(path, self.model_dump_json())

    @classmethod
    def read(cls, path: Path) -> Outcome:
        """Read it back, to the last digit.

        Raises:
            StudyError: the file holds something else, or an outcome of another version.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            first = error.errors()[0]
            what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")
            raise StudyError(
                f"{path} is no outcome of this version of silktune ({what}). Give another --name, or use that version."
            ) from error


def write_whole(path: Path, text: str) -> None:
    """Write a text file whole or not at all: beside its name, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


class Reporter(Protocol):
    """Whom a training loop tells each epoch."""

    def __call__(self, epoch: Epoch) -> None: ...


class Tracker(Protocol):
    """Where a study is recorded for people to look at. Every call may be repeated; nothing is recorded twice.

    A study has groups of trials ("trials", "final", a row of a table); a trial's id is unique in its study.
    """

    def open(self, tags: Mapping[str, str], params: Mapping[str, object]) -> None:
        """Begin the study's record, or go on with it."""

    def reopen(self) -> None:
        """After a call that failed: find out anew what is recorded, and go on with that."""

    def group(self, group: str, *, name: str, params: Mapping[str, object], tags: Mapping[str, str]) -> None:
        """Begin a group's own record under the study's, or go on with it; it may stay without trials."""

    def trial(self, group: str, trial: str, params: Mapping[str, object], tags: Mapping[str, str]) -> None:
        """Begin a trial's record in that of its group, or go on with it."""

    def epochs(self, trial: str, epochs: Sequence[Epoch]) -> None:
        """Epochs of a trial, in any number at a time."""

    def outcome(self, trial: str, outcome: Outcome) -> None: ...

    def summary(self, group: str, metrics: Mapping[str, float]) -> None:
        """Metrics of a whole group or, with group "", of the study."""

    def artifact(self, group: str, path: Path) -> None: ...

    def close(self, *, failed: bool) -> None:
        """End the study's record."""
