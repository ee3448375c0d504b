"""CPU time by parts, and how it is shown: what several benchmarks do alike."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any


def milliseconds(parts: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """CPU time of this process for each part: medians over rounds in which the parts take turns."""
    times: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(rounds + 1):  # the first one warms up
        for name, part in parts.items():
            start = time.process_time()
            part()
            times[name].append(1000 * (time.process_time() - start))
    return {name: statistics.median(each[1:]) for name, each in times.items()}


def show(rows: Sequence[Mapping[str, Any]], title: str) -> None:
    """Print a table, of a column for each key."""
    cells = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    print(f"\n{title}")
    for row in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return (f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}") if isinstance(value, float) else str(value)


def write(path: Path | None, found: Mapping[str, Any]) -> None:
    """Write what was found as JSON, if there is a place for it."""
    if path:
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
