"""What a command's `--data` may name: a label table, a folder with one in it, or a prepared data set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from silktune.data.dataset import VIEW, WHOLE, Dataset
from silktune.data.label_table import table_name
from silktune.data.prepare import Progress, prepare
from silktune.errors import DataError
from silktune.settings import Data
from silktune.settings.experiment import neutral_values


def open_or_prepare(
    data: Path,
    images: Path | None,
    settings: Data,
    root: Path,
    progress: Progress | None = None,
) -> Dataset:
    """The data set that a command's `--data` names: a prepared one, or a label table that is prepared first.

    Args:
        data: the folder of a prepared data set, a label table, or a folder with labels.csv in it.
        images: the folder of a label table's images; None: the table's own, or `images` in it.
        settings: what is seen of it, and how a table is prepared.
        root: where prepared data sets are kept.
        progress: told (images done, images in all) while a table is prepared.

    Raises:
        DataError: it is neither, or it was prepared with other settings.
    """
    if table := label_table(data):
        whole = Dataset.open(prepare(table, images, settings, root, progress=progress))
        dataset = replace(whole, name=table_name(table))  # a table with the same content may have been prepared first
    else:
        dataset = Dataset.open(data)
        _check(dataset, settings)
    return dataset.seen(settings)


def label_table(source: Path) -> Path | None:
    """The label table that a person means: the file itself, or the folder's labels.csv; None: it is a data set."""
    if not source.is_dir():
        return source
    table = source / "labels.csv"
    return table if table.exists() and not (source / WHOLE).exists() else None


def _check(dataset: Dataset, settings: Data) -> None:
    """Complain of a data set that was prepared otherwise, or whose table has columns that somebody has to leave out."""
    now = settings.model_dump(exclude=set(VIEW))
    then = {name: neutral_values().get(f"data.{name}") for name in now} | dataset.about["settings"]
    complaints = [
        f"{dataset.folder}: it was prepared with data.{name}={before}, not {now[name]}. "
        f"Give its label table instead of the folder, or set data.{name}={before}"
        for name in now if (before := then[name]) != now[name]
    ]  # fmt: skip
    if unusable := dataset.about["unusable"] if not settings.variables else {}:
        names = ",".join(variable.name for variable in dataset.variables)
        complaints += [
            f"{dataset.folder}: the column {name} is no variable: {reason}. Leave it out with data.variables={names}"
            for name, reason in unusable.items()
        ]
    if complaints:
        raise DataError.of(complaints)
