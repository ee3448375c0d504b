"""An ablation table as its file declares it, as far as the file is right; `loading` describes the format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from silktune.errors import nearest
from silktune.outcome import MEANS
from silktune.study.ablation.declared_rows import Line, generated
from silktune.study.ablation.entry_checks import (
    BaseSettings,
    Factorials,
    LeftOut,
    Names,
    Paper,
    RowList,
    RowSettings,
    Variables,
    printed,
)  # fmt: skip
from silktune.study.yaml_file import Complaints, FileMapping, NoneIfTakenOut, Text, checked, expected, read_content

RUNS = 5  # P23's
Metric = Literal["mean_f1", "mean_f1_with_background", "mean_f1_minority", "OA"]
EFFECT = "a number of percentage points above 0: the smallest difference that is worth finding"


class BaseEntry(FileMapping):
    """What stands under `base:`."""

    OF: ClassVar[str] = "of the base"

    id: Text = ""
    set: BaseSettings = Field({})
    best_of: Text = ""
    paper: Paper = Field({})


class RowEntry(FileMapping):
    """A row that is written out."""

    OF: ClassVar[str] = "of a row"
    NEEDED: ClassVar[tuple[str, ...]] = ("id", "set")

    id: Text = ""
    set: RowSettings | None = None
    paper: Paper = Field({})


class TableFile(FileMapping):
    """The content of a table's file."""

    OF: ClassVar[str] = "of an ablation table"
    NEVER_EMPTY: ClassVar[tuple[str, ...]] = ("runs", "splits", "variables")

    question: Text = ""
    paper: Text = ""
    runs: Annotated[int, Field(ge=1, strict=True), expected("a whole number, 1 or more")] = RUNS
    splits: Annotated[int, Field(ge=1, strict=True), expected("a whole number, 1 or more")] = 1
    metric: Annotated[Metric, expected(f"one of {', '.join(MEANS)}")] = "mean_f1"
    test: Annotated[Literal["welch", "paired"], expected("welch or paired")] = "welch"
    smallest_effect: Annotated[float | None, Field(gt=0, le=100, strict=True), expected(EFFECT)] = None
    base: BaseEntry = BaseEntry()
    variables: Names = Field([])
    rows: Annotated[list[Annotated[RowEntry | None, NoneIfTakenOut]], RowList] = Field([])
    leave_one_out: LeftOut = Field([])
    factorial: Factorials = Field([])
    reference: Text = ""


@dataclass(frozen=True)
class DeclaredTable:
    """What a file declares."""

    file: TableFile
    base: Line  # without an id it is no line of the table
    variables: Variables
    rows: tuple[Line, ...]

    @property
    def lines(self) -> tuple[Line, ...]:
        """All lines; that of the base, if it is one, changes nothing."""
        return (replace(self.base, changes={}), *self.rows) if self.base.id else self.rows


def read(path: Path, fixed: Collection[str], complaints: Complaints) -> DeclaredTable:
    """Everything that a file declares.

    Args:
        path: the file.
        fixed: settings that the command line fixes; no rows are generated for them.
        complaints: takes in what is wrong.

    Raises:
        SpaceError: it is no YAML mapping.
    """
    content = read_content(path, TableFile)
    variables = Variables.of(content)
    file = checked(content, TableFile, complaints, variables)
    readable = isinstance(content.get("base") or {}, dict) and not complaints.strange_keys("base")
    base = _line(file.base, sound=readable and not complaints.touch("base", "set"))
    factorials = [one for i, one in enumerate(file.factorial) if not complaints.touch("factorial", i)]
    rows = (*_rows(file, complaints), *generated(file.leave_one_out, factorials, fixed))
    declared = DeclaredTable(file, base, variables, rows)
    _check_base(content, complaints)
    _check_any_rows(content, declared, complaints)
    _check_ids(declared, complaints)
    return declared


def _line(entry: BaseEntry | RowEntry, *, sound: bool) -> Line:
    paper = {name: metric for name, value in entry.paper.items() if (metric := printed(value))}
    return Line(entry.id, entry.set or {}, paper, sound=sound)


def _rows(file: TableFile, complaints: Complaints) -> Iterator[Line]:
    for i, row in enumerate(file.rows):
        if row:
            sound = bool(row.id) and row.set is not None and not complaints.touch("rows", i, "set")
            yield _line(row, sound=sound)


def _check_base(content: dict[Any, Any], complaints: Complaints) -> None:
    """Say what needs a base that is a row."""
    base = content.get("base") or {}
    if not isinstance(base, dict) or base.get("id") or complaints.strange_keys("base"):
        return
    for where, needs in (("base: paper", base.get("paper")), ("leave_one_out", content.get("leave_one_out"))):
        if needs:
            complaints.say(f"{where}: the base has no id, without which it is no row of the table. Give it one.")


def _check_any_rows(content: dict[Any, Any], declared: DeclaredTable, complaints: Complaints) -> None:
    if complaints.strange_keys():
        return
    if not any(content.get(key) for key in ("rows", "leave_one_out", "factorial")):
        complaints.say("has no rows. Name them under `rows:`, or have them made by `leave_one_out:` or `factorial:`.")
    elif not declared.rows and not complaints.complaints:
        complaints.say("has no rows left: the command line fixes every setting that they would change.")


def _check_ids(declared: DeclaredTable, complaints: Complaints) -> None:
    """Say which ids are there twice, and if the reference names none of them."""
    ids = Counter(line.id for line in declared.lines if line.id)
    for name in (name for name, count in ids.items() if count > 1):
        complaints.say(f"row '{name}': is there twice. Give every row an id of its own.")
    if (reference := declared.file.reference) and reference not in ids:
        complaints.say(f"reference: '{reference}' is no row.{nearest(reference, list(ids))}")
