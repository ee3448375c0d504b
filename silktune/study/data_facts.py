"""What a study says of the data set that it was trained on."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from silktune.data.dataset import Dataset


class VariableFacts(BaseModel):
    """One variable of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    counts: dict[str, int]  # class of interest → images
    background: int  # images whose label is background


class SplitFacts(BaseModel):
    """How it is split."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    digest: str  # of which images are in which subset
    images: dict[str, int]  # subset → images
    split_seed: int
    min_records: int

    @classmethod
    def of(cls, data: Dataset) -> SplitFacts:
        settings = data.about["settings"]
        seed, min_records = settings["split_seed"], settings["min_records"]
        return cls(digest=data.split, images=data.about["subsets"], split_seed=seed, min_records=min_records)


class Facts(BaseModel):
    """The data set as a study knows it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    digest: str
    images: int  # with a label, in a subset
    variables: tuple[VariableFacts, ...]
    split: SplitFacts | None = None  # None: a study that was begun before a split had a digest

    @classmethod
    def of(cls, data: Dataset) -> Facts:
        variables = tuple(
            VariableFacts(name=v.name, counts=dict(zip(v.classes, v.counts, strict=True)), background=v.background)
            for v in data.variables
        )
        return cls(
            name=data.name,
            digest=data.digest,
            images=int(data.labelled.sum()),
            variables=variables,
            split=SplitFacts.of(data),
        )

    def labelled(self, variable: str) -> float:
        """The share of the images that have a label of a class of interest (P23 §4)."""
        return sum(self.variable(variable).counts.values()) / self.images

    def variable(self, name: str) -> VariableFacts:
        return next(variable for variable in self.variables if variable.name == name)
