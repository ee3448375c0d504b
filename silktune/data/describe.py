"""What is in a label table, a prepared data set or a table of class counts, in numbers for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from silktune.data import label_checks, text_normalisation
from silktune.data.dataset import REJECTED, Dataset
from silktune.data.label_checks import COUNTS
from silktune.data.label_table import BACKGROUND, SUBSETS, Variable, of_cells, read_cells, stem
from silktune.data.label_warnings import about_labels
from silktune.data.open_or_prepare import label_table
from silktune.data.split import split
from silktune.data.triplet_shares import Margin, TripletShares, triplet_shares
from silktune.errors import DataError
from silktune.settings import Data


@dataclass(frozen=True)
class Parts:
    """How a data set is split, and what was left out of it."""

    images: int  # that a training may see: with a label
    records: int
    unlabelled: int  # images without a label of the variables, which no training sees
    subsets: Mapping[str, int]  # subset → images
    classes: Mapping[str, Mapping[str, Mapping[str, int]]]  # variable → subset → class → images
    became_background: Mapping[str, Mapping[str, int]]  # variable → class → records
    rejected: Mapping[str, int]  # reason → images
    usable: Mapping[Margin, TripletShares]  # by loss.sem_margin: of the training images and triplets, for L_sem
    rare_are: str = BACKGROUND  # what labels of classes too rare to split are: background, or unknown


@dataclass(frozen=True)
class Description:
    """A data set in numbers; of a table of counts the parts are not known."""

    name: str
    variables: tuple[Variable, ...]
    parts: Parts | None = None
    notes: tuple[str, ...] = ()  # what a person should know


def describe(source: Path, settings: Data) -> Description:
    """Describe a prepared data set (a folder), a table of counts (variable, class, count) or a label table.

    A label table is split as it would be for training; its images are not looked at.

    Raises:
        DataError: it is none of these, or it cannot be used.
    """
    table = label_table(source)
    if table is None:
        return _prepared(source, settings)
    cells = read_cells(table, settings.variables)
    if set(map(text_normalisation.letters, cells.columns)) == set(COUNTS):
        variables = _seen(tuple(_counted(table, cells)), settings)
        return Description(stem(table), variables, notes=tuple(_notes(variables)))
    labels = of_cells(table, cells, settings.variables, settings.split_by)
    drawn = split(labels, seed=settings.split_seed, min_records=settings.min_records)
    known = {variable.name: variable for variable in drawn.variables}
    names = tuple(map(text_normalisation.normalised, settings.variables)) or tuple(known)
    variables = _seen(tuple(known[name] for name in names), settings)
    reasons = [reason for _, reason in drawn.rejected]
    parts = _parts(drawn.samples, variables, drawn.backgrounds, reasons, settings)
    notes = tuple(note.text for note in drawn.remarks if note.variable in ("", *names))
    return Description(labels.name, variables, parts, notes)


def _prepared(folder: Path, settings: Data) -> Description:
    dataset = Dataset.open(folder).seen(settings)
    reasons = pd.read_csv(folder / REJECTED)["reason"].tolist()
    background = dataset.about["became_background"]
    parts = _parts(dataset.samples, dataset.variables, background, reasons, settings)
    return Description(dataset.name, dataset.variables, parts, dataset.notes)


def _seen(variables: tuple[Variable, ...], settings: Data) -> tuple[Variable, ...]:
    """The variables as a training with these settings sees them."""
    if settings.background == "class":
        return variables
    return tuple(replace(variable, background=0) for variable in variables)


def _parts(
    samples: pd.DataFrame,
    variables: tuple[Variable, ...],
    backgrounds: Mapping[str, Mapping[str, int]],
    reasons: list[str],
    settings: Data,
) -> Parts:
    names = [variable.name for variable in variables]
    if settings.background == "unknown":
        samples = samples.assign(**{name: samples[name].mask(samples[name] == BACKGROUND, "") for name in names})
    labelled = samples[(samples[names] != "").any(axis=1)]
    subsets = {subset: labelled[labelled["subset"] == subset] for subset in SUBSETS}
    return Parts(
        images=len(labelled),
        records=labelled["record"].nunique(),
        unlabelled=len(samples) - len(labelled),
        subsets={subset: len(part) for subset, part in subsets.items()},
        classes={v.name: {subset: Counter(part[v.name]) for subset, part in subsets.items()} for v in variables},
        became_background={v.name: backgrounds[v.name] for v in variables if v.name in backgrounds},
        rejected=Counter(reason.partition(":")[0] for reason in reasons),
        usable=_usable(subsets["train"], variables),
        rare_are=BACKGROUND if settings.background == "class" else "unknown",
    )


def _usable(train: pd.DataFrame, variables: tuple[Variable, ...]) -> Mapping[Margin, TripletShares]:
    labels = np.stack([variable.encode(train[variable.name]) for variable in variables], axis=1)
    return triplet_shares(labels, np.array([variable.background_id for variable in variables], np.int64))


def _counted(source: Path, cells: pd.DataFrame) -> Iterator[Variable]:
    """The variables of a table of counts."""
    complaints = [*label_checks.about_keys(source, list(cells.columns), COUNTS)]
    complaints = complaints or [*label_checks.about_cells(source, cells, COUNTS), *_about_counts(source, cells)]
    if complaints:
        raise DataError.of(complaints)
    for name, rows in cells.groupby("variable", sort=False):
        counts = dict(zip(rows["class"], rows["count"].astype(int), strict=True))
        background = counts.pop(BACKGROUND, 0)
        classes = tuple(sorted(counts))
        yield Variable(str(name), classes, tuple(counts[c] for c in classes), background)


def _notes(variables: tuple[Variable, ...]) -> Iterator[str]:
    for variable in variables:
        counts = Counter(dict(zip(variable.classes, variable.counts, strict=True)))
        yield from about_labels(variable.name, counts + Counter({BACKGROUND: variable.background}))


def _about_counts(source: Path, cells: pd.DataFrame) -> Iterator[str]:
    if not len(cells):
        yield f"{source}: there is no row below the headings {', '.join(COUNTS)}."
    twice = cells.duplicated(["variable", "class"]).tolist()
    for (line, row), again in zip(cells.iterrows(), twice, strict=True):
        where = f"{source}: {cells.index.name} {line}: {row['variable']} {row['class']}".rstrip()
        if not row["variable"] or not row["class"]:
            yield f"{where}: the variable or the class is empty; write its name or delete the row."
        elif not (row["count"].isdecimal() and int(row["count"]) > 0):
            yield f"{where}: the count is '{row['count']}'; it may be 1, 2, 3, …"
        elif again:
            yield f"{where}: this class was counted above; delete one of the rows."
