"""Lines of fields as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence


def csv_text(lines: Iterable[Sequence[str]]) -> str:
    """Lines of fields as CSV; a field with a comma, a quote or the end of a line in it is quoted."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")  # with it, a field with either of the two is quoted
    for line in lines:
        writer.writerow(line)
        file.seek(file.tell() - 2)
        file.write("\n")
        file.truncate()
    return file.getvalue()
