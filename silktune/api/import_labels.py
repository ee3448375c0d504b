"""SILKNOW's files as a tidy label table, and what was left out of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from silktune.errors import DataError, trouble

if TYPE_CHECKING:
    from silktune.data.silknow.tidy_rows import TidyRows


@dataclass(frozen=True)
class Imported:
    """A label table that was written."""

    table: Path
    images: int
    records: int
    variables: tuple[str, ...]
    beside: tuple[str, ...]  # columns that are no variable: museum
    left_out: Mapping[str, int]  # what and why → how many
    unknown: Mapping[str, Mapping[str, int]]  # variable → reason → labels that became unknown


def import_labels(sources: Sequence[str | Path], to: str | Path, classes: str | Path | None = None) -> Imported:
    """Write a label table from an export of SILKNOW's knowledge graph, or from the released code's lists of images.

    Args:
        sources: the export; or lists of images, or a master file that names them.
        to: the label table, a CSV; one that is there already and holds something else is not overwritten.
        classes: a table with the columns variable, old and new, by which classes are merged, renamed or taken out.

    Raises:
        DataError: a file cannot be read, is of no known form, or no image is left; the map names what is not there; or
            `to` cannot be written.
    """
    from silktune.data.silknow import class_map
    from silktune.data.silknow.read import read

    rows = read([Path(source) for source in sources])
    if classes is not None:
        path = Path(classes)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise DataError(trouble(path, error, "give another file")) from error
        rows = class_map.mapped(rows, path, data)
    if not rows.rows:
        reasons = "; ".join(f"{count:,} {what}" for what, count in rows.left_out.items()) or "they hold no row"
        raise DataError(f"{', '.join(map(str, sources))}: no image is left: {reasons}.")
    _write(rows, Path(to))
    return Imported(
        Path(to), len(rows.rows), len({row.record for row in rows.rows}), rows.variables,
        ("museum",) if any(row.museum for row in rows.rows) else (), dict(rows.left_out),
        {variable: dict(counts) for variable, counts in rows.unknown.items()},
    )  # fmt: skip


def _write(rows: TidyRows, to: Path) -> None:
    """Write the table, whole or not at all; the same content once more is no harm."""
    import csv
    import io

    from silktune.outcome import write_whole

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows.table())
    try:
        if to.exists() and to.read_text(encoding="utf-8") != text.getvalue():
            raise DataError(f"{to}: there is another file of this name, which is not overwritten. Give another name.")
        write_whole(to, text.getvalue())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(trouble(to, error) if isinstance(error, OSError) else f"{to}: this is no text file.") from error
