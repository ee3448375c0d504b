"""What a check of a data set found, as values that every room can show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["split", "same image", "rows", "classes that look alike", "rare classes", "variables", "table", "images"]


@dataclass(frozen=True)
class Finding:
    """Something about the table or its images, in a sentence."""

    kind: Kind
    text: str
    where: tuple[str, ...] = ()  # the records, images or classes that it is about, all of them


@dataclass(frozen=True)
class NeverTogether:
    """Classes of two variables that no image has together, though chance alone would have some."""

    variable: str
    label: str
    other_variable: str
    other_label: str
    expected: float  # records with both, if the variables had nothing to do with each other
    p: float  # of none, then; times the number of pairs that were looked at


@dataclass(frozen=True)
class NearDuplicate:
    """Two images that show one picture."""

    first: str
    second: str
    correlation: float
    records: tuple[str, str]
    subsets: tuple[str, str]  # "": in none
    differing: Mapping[str, tuple[str, str]]  # variable → their labels, where both are known and differ

    @property
    def across_records(self) -> bool:
        return self.records[0] != self.records[1]

    @property
    def across_subsets(self) -> bool:
        return self.subsets[0] != self.subsets[1] and all(self.subsets)


@dataclass(frozen=True)
class SuspiciousLabel:
    """A label that features of other records contradict."""

    image: str
    record: str
    variable: str
    given: str
    proposed: str
    p_given: float
    p_proposed: float


@dataclass(frozen=True)
class JudgedVariable:
    """How the labels of a variable were judged."""

    variable: str
    labels: int
    classes: int
    not_judged: int  # labels of classes in too few records
    suspicious: int


@dataclass(frozen=True)
class Named:
    """How well a column is told: mean recall over its classes, out of fold."""

    column: str
    classes: int
    features: float  # from features of the images
    group: float | None  # from the group alone; None: there is no group, or this is it
    apart: float | None  # from features, in groups that were not learned from; None: no group, or too few

    @property
    def chance(self) -> float:
        return 1 / self.classes


@dataclass(frozen=True)
class Report:
    """All that a check found."""

    name: str
    images: int  # rows of the table
    records: int
    variables: tuple[str, ...]
    unreadable: Mapping[str, str]  # image → reason
    tiny: Mapping[str, tuple[int, int]]  # image → width, height
    plain: tuple[str, ...]  # images of one colour
    findings: tuple[Finding, ...] = ()
    never: tuple[NeverTogether, ...] = ()
    settled: Mapping[str, tuple[str, float]] = field(default_factory=dict)  # variable → what settles it, in what share
    pairs: tuple[NearDuplicate, ...] = ()
    judged: tuple[JudgedVariable, ...] = ()
    labels: tuple[SuspiciousLabel, ...] = ()  # the most suspicious first
    group: str = ""
    named: tuple[Named, ...] = ()
    missing: tuple[str, ...] = ()  # what could not be checked, in sentences

    @property
    def reasons(self) -> dict[str, int]:
        """Reason → images that cannot be read."""
        counts: dict[str, int] = {}
        for reason in self.unreadable.values():
            kind = reason.partition(":")[0].partition(";")[0]
            counts[kind] = counts.get(kind, 0) + 1
        return dict(sorted(counts.items(), key=lambda count: (-count[1], count[0])))


KINDS: Mapping[str, type] = {
    "findings": Finding, "never": NeverTogether, "pairs": NearDuplicate, "judged": JudgedVariable,
    "labels": SuspiciousLabel, "named": Named,
}  # fmt: skip
