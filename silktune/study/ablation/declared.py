"""An ablation table as its file declares it, and what may be wrong with the file; `ablation` describes the format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from silktune.errors import nearest
from silktune.study.ablation.generated import generated
from silktune.study.ablation.row_spec import Line, LineReader
from silktune.study.space_checks import no_mapping, read_mapping, strange_keys

KEYS = ("question", "paper", "runs", "base", "variables", "rows", "leave_one_out", "factorial", "reference")
BASE_KEYS = ("id", "set", "best_of", "paper")
ROW_KEYS = ("id", "set", "paper")
ROWS_FROM = ("rows", "leave_one_out", "factorial")
RUNS = 5  # P23's


@dataclass(frozen=True)
class Declared:
    """What a file says, as far as it is right."""

    question: str
    paper: str
    runs: int
    base: Line  # without an id it is no line of the table
    best_of: str
    variables: tuple[str, ...]
    rows: tuple[Line, ...]
    reference: str  # "": the first line

    @property
    def lines(self) -> tuple[Line, ...]:
        """All lines; that of the base, if it is one, changes nothing."""
        return (replace(self.base, changes={}), *self.rows) if self.base.id else self.rows


class Reader(LineReader):
    """Reads a table's file and collects what is wrong with it."""

    def __init__(self, path: Path, fixed: Collection[str]) -> None:
        """Opens the file.

        Args:
            path: the file.
            fixed: settings that the command line fixes; no rows are generated for them.

        Raises:
            SpaceError: it is no YAML mapping.
        """
        self.content = read_mapping(path, KEYS)
        self.fixed = fixed
        super().__init__(str(path), single="variables" in self.content)

    def read(self) -> Declared:
        """Everything that the file declares."""
        content = self.content
        strange = strange_keys(self.where, content, KEYS, "an ablation table")
        self.complaints += strange
        question, paper, reference = (self.text("", content, key) for key in ("question", "paper", "reference"))
        runs, self.variables = self._runs(), self._variables()
        base, best_of = self._base()
        rows = [*self._rows()]
        rows += generated(self, content.get("leave_one_out"), content.get("factorial"), self.fixed)
        declared = Declared(question, paper, runs, base, best_of, self.variables, tuple(rows), reference)
        if not strange:
            self._any_rows(declared)
        self._ids(declared)
        return declared

    def _runs(self) -> int:
        runs = self.content.get("runs", RUNS)
        if isinstance(runs, int) and not isinstance(runs, bool) and runs >= 1:
            return runs
        self.say(f"runs: {runs!r} should be a whole number, 1 or more.")
        return RUNS

    def _variables(self) -> tuple[str, ...]:
        if not self.single:
            return ()
        value = self.content["variables"]
        if not isinstance(value, list) or not value or not all(isinstance(name, str) and name for name in value):
            self.say(f"variables: {value!r} should be a list of names, at least one.")
            return ()
        for name in (name for name, count in Counter(value).items() if count > 1):
            self.say(f"variables: {name} is there twice.")
        return tuple(value)

    def _base(self) -> tuple[Line, str]:
        before = len(self.complaints)
        content = self.mapping("base", self.content.get("base"))
        self.complaints += strange_keys(f"{self.where}: base", content, BASE_KEYS, "the base")
        readable = len(self.complaints) == before
        if readable and not content.get("id"):
            self._no_row(content)
        line = self.line(self.text("base: ", content, "id"), "base", content, in_a_row=False)
        return replace(line, sound=line.sound and readable), self.text("base: ", content, "best_of")

    def _no_row(self, base: Mapping[str, Any]) -> None:
        """Say what needs a base that is a row."""
        for what, content in (("base: paper", base.get("paper")), ("leave_one_out", self.content.get("leave_one_out"))):
            if content:
                self.say(f"{what}: the base has no id, without which it is no row of the table. Give it one.")

    def _rows(self) -> Iterator[Line]:
        rows = self.content.get("rows") or []
        if not isinstance(rows, list):
            self.say("rows: should be a list, - {id: …, set: {name: value}}.")
            return
        for number, content in enumerate(rows, 1):
            where = f"row {number}"
            if wrong := no_mapping(f"{self.where}: {where}", content):
                self.complaints += wrong
                continue
            name = self.text(f"{where}: ", content, "id")
            where = f"row '{name}'" if name else where
            strange = strange_keys(f"{self.where}: {where}", content, ROW_KEYS, "a row")
            self.complaints += strange
            missing = [key for key in ("id", "set") if content.get(key) in (None, "")]
            if missing and not strange:
                self.say(f"{where}: has no {' and no '.join(missing)}.")
            line = self.line(name, where, content, in_a_row=True)
            yield replace(line, sound=line.sound and not missing)

    def _any_rows(self, declared: Declared) -> None:
        """Say if there are no rows."""
        if not any(self.content.get(key) for key in ROWS_FROM):
            self.say("has no rows. Name them under `rows:`, or have them made by `leave_one_out:` or `factorial:`.")
        elif not declared.rows and not self.complaints:
            self.say("has no rows left: the command line fixes every setting that they would change.")

    def _ids(self, declared: Declared) -> None:
        """Say which ids are there twice, and if the reference names none of them."""
        ids = Counter(line.id for line in declared.lines if line.id)
        for name in (name for name, count in ids.items() if count > 1):
            self.say(f"row '{name}': is there twice. Give every row an id of its own.")
        if declared.reference and declared.reference not in ids:
            self.say(f"reference: '{declared.reference}' is no row.{nearest(declared.reference, list(ids))}")
