"""The images that a model knows: those it was trained on, and those of the validation set it was chosen on.

They are kept as hashes of their files, so that an evaluation on any table can say which of its images are no news.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from silktune.data.dataset import Dataset
from silktune.errors import StudyError, reason
from silktune.study.document.csv_text import csv_text

FILE = "images.csv"
COLUMNS = ("content", "subset")
SUBSETS = ("train", "validation")


def table(data: Dataset) -> str:
    """A line for each image: the hash of its file in hexadecimal, and its subset."""
    contents = data.contents
    rows = [(contents[row].hex(), subset) for subset in SUBSETS for row in data.rows(subset)]
    return csv_text([COLUMNS, *rows])


def read(folder: Path) -> Mapping[str, frozenset[str]]:
    """Subset → the hashes of its images, of the model in a folder.

    Raises:
        StudyError: the file is missing or damaged.
    """
    path = folder / FILE
    try:
        head, *rows = csv.reader(io.StringIO(path.read_text(encoding="utf-8")))
        if tuple(head) != COLUMNS:
            raise ValueError("it has other columns")
        pairs = [(content, subset) for content, subset in rows]
    except (OSError, ValueError, csv.Error) as error:
        raise StudyError(
            f"{path}: this file of a model is missing or damaged ({reason(error)}). Copy the folder again."
        ) from error
    return {subset: frozenset(content for content, where in pairs if where == subset) for subset in SUBSETS}
