"""The data set that a person names: prepared if it is a label table, copied here if it lies in a storage."""

from __future__ import annotations

from pathlib import Path

from silktune.api.progress import Listener
from silktune.data.dataset import Dataset
from silktune.data.open_or_prepare import open_or_prepare
from silktune.data.shared_dataset import fetch
from silktune.settings import Experiment
from silktune.storage import Storage, is_uri


def open_dataset(
    data: str | Path, images: str | Path | None, experiment: Experiment, root: Path, listener: Listener
) -> Dataset:
    """The data set, ready to be trained on; the listener hears how far it is and what a person should know of it.

    Args:
        data: a label table, a prepared data set, or the URI of one in a storage.
        images: the folder of a label table's images; None: the table's own.
        experiment: how it is prepared, and which variables are seen.
        root: the folder of studies, with prepared data sets in `data`.
        listener: hears.

    Raises:
        DataError: it is none of these, or was prepared with other settings.
        ResourceError: the storage cannot be reached.
    """
    kept = root / "data"
    folder = fetch(Storage.of(str(data)), kept) if is_uri(data) else Path(data)
    opened = open_or_prepare(folder, Path(images) if images else None, experiment.data, kept, listener.preparing)
    listener.say(opened.notes)
    return opened
