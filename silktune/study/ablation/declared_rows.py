"""The rows of an ablation table as its file declares them: one by one, or together, as all that a rule makes."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from silktune.settings import spell
from silktune.study.ablation.entry_checks import off_value
from silktune.study.ablation.table_model import Printed


@dataclass(frozen=True)
class Line:
    """What a line changes against the base, and what the paper prints of it; the base itself changes the defaults."""

    id: str  # "" where it has none
    changes: Mapping[str, Any] = field(default_factory=dict)
    paper: Mapping[str, Printed] = field(default_factory=dict)
    generated: bool = False
    sound: bool = True  # nothing is wrong with its settings, each by itself


def generated(left_out: Sequence[str], factorials: Sequence[Mapping[str, Any]], fixed: Collection[str]) -> list[Line]:
    """The rows that `leave_one_out:` and `factorial:` make; what both make alike is there once.

    Args:
        left_out: settings that are off in a row each; "" is passed over.
        factorials: setting → its values, a row for every combination.
        fixed: settings that the command line fixes; there are no rows for them.
    """
    lines: list[Line] = []
    for name in left_out:
        if name and name not in fixed:
            lines.append(Line(f"without {_short(name)}", {name: off_value(name)}, generated=True))
    for factorial in factorials:
        lines += _combinations({name: values for name, values in factorial.items() if name not in fixed})
    return [line for i, line in enumerate(lines) if line not in lines[:i]]


def _combinations(factors: Mapping[str, Sequence[Any]]) -> Iterator[Line]:
    for values in itertools.product(*factors.values()) if factors else ():
        changes = dict(zip(factors, values, strict=True))
        yield Line(" ".join(f"{_short(n)}={_spelt(value)}" for n, value in changes.items()), changes, generated=True)


def _spelt(value: Any) -> str:
    """A value in a row's id, where a list needs brackets to be seen as one."""
    return f"[{spell(value)}]" if isinstance(value, list) and value else spell(value)


def _short(name: str) -> str:
    return name.rpartition(".")[2]
