"""What is wrong with the table itself; what is sound of it is gone on with.

`label_table.read` refuses such a table with its first kind of complaints. Here each is a finding, and the rows and
columns that it is about are left out, as a person would have to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from silktune.data import label_checks, label_table, text_normalisation
from silktune.data.check.findings import Finding
from silktune.data.check.spelling import about_spelling
from silktune.data.label_checks import some
from silktune.data.label_table import LabelTable, Note
from silktune.data.split import Split, split
from silktune.errors import DataError, nearest
from silktune.settings import Data


class CheckedTable(NamedTuple):
    """The rows and variables of a table that can be used, and what was found about the others."""

    labels: LabelTable
    groups: pd.Series[str]  # by line, of the group's column; empty: there is none
    subsets: Mapping[str, str]  # image → its subset, given or as it would be drawn; an image in none is left out
    findings: tuple[Finding, ...]


def read(path: Path, settings: Data, group: str = "") -> CheckedTable:
    """Read a label table and find what is wrong with it.

    Args:
        path: CSV or Parquet.
        settings: its variables, and how it would be split.
        group: a column, such as museum, that is no variable unless `data.variables` names it; "": none.

    Raises:
        DataError: it cannot be read, has no column image, no variable or none with two classes, or no such group.
    """
    raw = label_table.read_cells(path, settings.variables)
    asked = [text_normalisation.normalised(name) for name in settings.variables]
    group = text_normalisation.normalised(group)
    if complaints := [*label_checks.about_columns(path, raw, asked), *_about_group(path, raw, group)]:
        raise DataError.of(complaints)
    apart = {group, settings.split_by} - {*asked}
    wanted = asked or [name for name in label_checks.candidates(raw.columns) if name not in apart]
    if not wanted:
        raise DataError(f"{path}: there is no variable beside the group {group}. Add one, or name another group.")
    keys = [key for key in dict.fromkeys((*label_checks.KEYS, group)) if key in raw]
    if complaints := list(label_checks.about_cells(path, raw, [*keys, *wanted])):
        raise DataError.of(complaints)
    cells = label_table.tidy(raw, wanted)
    findings = [*_about_rows(path, cells)]
    cells = cells[(cells["image"] != "") & ~cells["image"].duplicated()]
    findings += _about_split(path, cells)
    cells["split"] = _subsets(cells)
    findings += [_noted(note, cells) for note in label_table.notes(raw, wanted)]
    findings += about_spelling(cells, wanted)
    labels, unusable = _usable(LabelTable(path, tuple(wanted), cells.sort_values("image")))
    labels, drawn, rare = _drawn(labels, settings)
    groups = raw.loc[labels.cells.index, group] if group else pd.Series(dtype=str)
    return CheckedTable(labels, groups, _by_image(labels, drawn), (*findings, *unusable, *rare))


def _about_group(path: Path, raw: pd.DataFrame, group: str) -> Iterator[str]:
    columns = [name for name in raw.columns if name not in ("", *label_checks.KEYS)]
    if group and group not in columns:
        yield f"{path}: there is no column {group} to name groups.{nearest(group, columns)}"
    elif group and raw.loc[raw[group] != "", group].nunique() < 2:
        yield f"{path}: the column {group} names fewer than two groups; two are needed. Name another, or none."


def _about_rows(path: Path, cells: pd.DataFrame) -> Iterator[Finding]:
    twice = sorted(set(cells.loc[cells["image"].duplicated() & (cells["image"] != ""), "image"]))
    for text in label_checks.about_images(path, cells):
        yield Finding("rows", _without(path, text), tuple(name for name in twice if f"image {name} is" in text))


def _about_split(path: Path, cells: pd.DataFrame) -> Iterator[Finding]:
    torn = label_checks.torn_records(cells["record"], _subsets(cells))
    for text in label_checks.about_split(path, cells):
        yield Finding("split", _without(path, text), tuple(torn) if "several subsets" in text else ())


def _subsets(cells: pd.DataFrame) -> pd.Series[str]:
    """The subsets that the column split names; none where it names others."""
    if set(cells["split"]) <= label_checks.SPELLINGS.keys():
        return cells["split"].map(label_checks.SPELLINGS)
    return cells["split"].where(cells["split"] == "", "")


def _noted(note: Note, cells: pd.DataFrame) -> Finding:
    """What is known of the table's labels before they are used, with the classes that it names."""
    if not note.variable:
        return Finding("table", note.text)
    classes = sorted(label for label in set(cells[note.variable]) if label and f" {label} (" in note.text)
    return Finding("classes that look alike", note.text, tuple(classes))


def _usable(labels: LabelTable) -> tuple[LabelTable, list[Finding]]:
    """The table with the variables that have two classes, and what to say of the others.

    Raises:
        DataError: none has.
    """
    complaints = {
        name: list(label_checks.about_classes(labels.source, labels.cells, [name])) for name in labels.variables
    }
    bad = {name: texts for name, texts in complaints.items() if texts}
    if len(bad) == len(labels.variables):
        raise DataError.of(text for texts in bad.values() for text in texts)
    found = [Finding("variables", _without(labels.source, text), (name,)) for name in bad for text in bad[name]]
    return labels.without(dict.fromkeys(bad, "")), found


def _drawn(labels: LabelTable, settings: Data) -> tuple[LabelTable, Split | None, list[Finding]]:
    """The table without variables that a split makes useless, its split, and what becomes of rare classes."""
    found, useless = [], {}
    whole = labels if labels.cells["split"].ne("").all() else replace(labels, cells=labels.cells.assign(split=""))
    for name in labels.variables:
        try:
            drawn = split(replace(whole, asked=(name,)), seed=settings.split_seed, min_records=settings.min_records)
        except DataError as error:
            useless[name] = ""
            found.append(Finding("variables", _without(labels.source, str(error)), (name,)))
            continue
        others = {name: reason for name, reason in drawn.unusable.items() if name in labels.variables}
        if not useless.keys() - others.keys():
            found += [Finding("variables", f"{name}: {reason}.", (name,)) for name, reason in others.items()]
            useless |= others
            found += _about_rare(drawn, settings)
            found += [Finding("split", note.text) for note in drawn.remarks if note.text.startswith("Large ")]
            return labels.without(useless), drawn, found
    return labels, None, found


def _about_rare(drawn: Split, settings: Data) -> Iterator[Finding]:
    for name, classes in drawn.backgrounds.items():
        rare = some([f"{label} ({count} record{'s' * (count != 1)})" for label, count in classes.items()])
        yield Finding(
            "rare classes",
            f"{name}: too rare to be in all three subsets, so they would become background: {rare}; data.min_records "
            f"is {settings.min_records}.",
            tuple(classes),
        )


def _by_image(labels: LabelTable, drawn: Split | None) -> dict[str, str]:
    given = {
        image: subset for image, subset in zip(labels.cells["image"], labels.cells["split"], strict=True) if subset
    }
    if given or drawn is None:
        return given
    return {i: s for i, s in zip(drawn.samples["image"], drawn.samples["subset"], strict=True) if s}


def _without(path: Path, text: str) -> str:
    """A complaint without the name of the table, which stands above all."""
    return text.replace(f"{path}: ", "")


def same_images(labels: LabelTable, contents: Mapping[str, bytes], subsets: Mapping[str, str]) -> list[Finding]:
    """Files with the same content under several names, by what is contradictory about them.

    Args:
        labels: the table.
        contents: image → the hash of its file; b"": there is none.
        subsets: image → its subset.
    """
    alike: dict[bytes, list[str]] = {}
    for image in labels.cells["image"]:
        if contents.get(image):
            alike.setdefault(contents[image], []).append(image)
    rows, found = labels.cells.set_index("image"), []
    for names in (names for names in alike.values() if len(names) > 1):
        one = rows.loc[names]
        different = [
            f"{name} {' / '.join(sorted(known))}"
            for name in labels.variables if len(known := set(one[name]) - {""}) > 1
        ]  # fmt: skip
        torn = sorted({subsets.get(name, "") for name in names} - {""})
        faults = [f"different labels ({some(different)})"] * bool(different)
        faults += [f"different subsets ({', '.join(torn)})"] * (len(torn) > 1)
        faults += [f"different records ({some(sorted(set(one['record'])))})"] * (one["record"].nunique() > 1)
        text = f"{some(names)} are the same file" + (f" with {' and '.join(faults)}." if faults else ".")
        found.append((-len(faults) - 3 * bool(different), Finding("same image", text, tuple(names))))
    return [finding for _, finding in sorted(found, key=lambda pair: (pair[0], pair[1].where))]
