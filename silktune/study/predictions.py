"""What a tested run said of every image of the test set: class probabilities beside labels, in a Parquet file.

Columns: `image` and `record` (text), then for each variable `label.<variable>` (text; null: unknown) and
`probabilities.<variable>` (a list of K_m float32, the softmax). The schema's metadata `silktune` is JSON: `form`,
`data` (the digest of the data set) and `classes`, what each variable's probabilities are of, background last.

Notation: N images, M variables, K_m classes of variable m, background included.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from silktune.data.dataset import Dataset
from silktune.data.variables import UNKNOWN
from silktune.errors import ResourceError, StudyError, reason, trouble
from silktune.storage import Storage

FILE = "predictions.parquet"  # where a run leaves it
VALIDATION = "validation.parquet"  # in a model's folder: the same of the validation set
FORM = 1
METADATA = b"silktune"


@dataclass(frozen=True, eq=False)
class Predictions:
    """The predictions of one run for N images."""

    data: str  # the digest of the data set
    images: NDArray[np.object_]  # (N,) names
    records: NDArray[np.object_]  # (N,) names
    classes: Mapping[str, tuple[str, ...]]  # of every variable, in the order of its probabilities; background last
    labels: NDArray[np.int64]  # (N, M), −1 is unknown
    probabilities: tuple[NDArray[np.float32], ...]  # M × (N, K_m)

    @classmethod
    def of(cls, data: Dataset, rows: NDArray[np.int64], probabilities: Sequence[NDArray[np.float32]]) -> Self:
        """Of rows of a data set."""
        samples = data.samples.iloc[rows]
        images, records = (samples[name].to_numpy(object) for name in ("image", "record"))
        classes = {variable.name: variable.names for variable in data.variables}
        return cls(data.digest, images, records, classes, data.labels[rows], tuple(probabilities))

    @property
    def predicted(self) -> NDArray[np.int64]:
        """(N, M) the class with the largest probability."""
        return np.stack([each.argmax(axis=1) for each in self.probabilities], axis=1).astype(np.int64)

    def content(self) -> memoryview:
        """The file."""
        columns: dict[str, pa.Array] = {"image": pa.array(self.images, pa.string())}
        columns["record"] = pa.array(self.records, pa.string())
        for m, (variable, names) in enumerate(self.classes.items()):
            unknown = self.labels[:, m] == UNKNOWN
            columns[f"label.{variable}"] = pa.array(np.array([*names, None], object)[self.labels[:, m]], mask=unknown)
            flat = pa.array(self.probabilities[m].astype(np.float32).ravel())
            columns[f"probabilities.{variable}"] = pa.FixedSizeListArray.from_arrays(flat, len(names))
        about = {"form": FORM, "data": self.data, "classes": self.classes}
        table = pa.table(columns).replace_schema_metadata({METADATA: json.dumps(about, ensure_ascii=False)})
        texts = [name for name in columns if not name.startswith("probabilities.")]
        file = io.BytesIO()
        parquet.write_table(table, file, compression="zstd", use_dictionary=texts, use_byte_stream_split=True)
        return file.getbuffer()

    @classmethod
    def read(cls, path: Path, data: str) -> Self:
        """Read a study's file.

        Args:
            path: the file.
            data: the digest of the study's data set.

        Raises:
            StudyError: it is torn, lacks a column or a record, or is of another data set.
        """
        with _reading(path):
            table = parquet.read_table(path)
            found = cls._of_table(table, json.loads((table.schema.metadata or {})[METADATA]))
        if found.data != data:
            raise StudyError(
                f"{path}: these are predictions of another data set ({found.data}, and the study's is {data}). "
                f"{again(path)}"
            )
        return found

    @classmethod
    def _of_table(cls, table: pa.Table, about: Mapping[str, Any]) -> Self:
        if about["form"] != FORM:
            raise ValueError(f"they are of the form {about['form']}, and this silktune reads form {FORM}")
        classes = {variable: tuple(names) for variable, names in about["classes"].items()}
        images, records = (_names(table, name) for name in ("image", "record"))
        labels = [_ids(table[f"label.{variable}"], names) for variable, names in classes.items()]
        probabilities = tuple(
            _matrix(table[f"probabilities.{variable}"], len(names)) for variable, names in classes.items()
        )
        return cls(about["data"], images, records, classes, np.stack(labels, axis=1), probabilities)


def records(path: Path) -> list[str]:
    """The records of a study's file, a name for each image.

    Raises:
        StudyError: it is torn, or lacks a record.
    """
    with _reading(path):
        return list(_names(parquet.read_table(path, columns=["record"]), "record"))


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """What is wrong with a file becomes a sentence."""
    try:
        yield
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        why = "it has no metadata of silktune" if error.args == (METADATA,) else reason(error).rstrip(".")
        raise StudyError(f"{path}: these predictions cannot be read ({why}). {again(path)}") from error


def _names(table: pa.Table, what: str) -> NDArray[np.object_]:
    """The names of each row's image or record.

    Raises:
        KeyError: there is no such column.
        ValueError: a row has none.
    """
    if missing := table[what].null_count:
        raise ValueError(f"{missing} of {len(table)} rows name no {what}")
    names: NDArray[np.object_] = table[what].to_numpy()
    return names


def keep(found: Predictions, place: Storage, name: str = FILE) -> None:
    """Write what a run said into its place, whole or not at all.

    Raises:
        ResourceError: there is no room for it, or the place cannot be reached.
    """
    try:
        place.write(name, found.content())
    except OSError as error:
        raise ResourceError(trouble(f"{place}/{name} could not be written", error)) from error


def bring(place: Storage, path: Path) -> None:
    """Copy what a run left in its place into the study, whole or not at all.

    Raises:
        ResourceError: it is not there, or cannot be copied.
    """
    try:
        content = place.read(FILE)
        if content is None:
            raise FileNotFoundError("there is no such file")
        _write(path, content)
    except OSError as error:
        raise ResourceError(
            f"{place}/{FILE} could not be copied to {path} ({reason(error)}). What is done is kept; the same command "
            "goes on."
        ) from error


def copy(path: Path, to: Path) -> None:
    """Of a trial that is the same as another one."""
    _write(to, path.read_bytes())


def _write(path: Path, content: bytes) -> None:
    Storage(str(path.parent.absolute())).write(path.name, content)


def again(path: Path) -> str:
    """What to do about a file that cannot be used."""
    return f"Delete {path.name} and {path.stem}.json beside it: the same command makes this run again."


def _ids(column: pa.ChunkedArray, names: Sequence[str]) -> NDArray[np.int64]:
    """Labels as numbers, (N,).

    Raises:
        KeyError: one is no class.
    """
    ids = {name: number for number, name in enumerate(names)}
    encoded = column.combine_chunks().dictionary_encode()
    known = np.array([*(ids[name] for name in encoded.dictionary.to_pylist()), UNKNOWN], np.int64)
    labels: NDArray[np.int64] = known[encoded.indices.fill_null(len(known) - 1).to_numpy()]
    return labels


def _matrix(column: pa.ChunkedArray, K: int) -> NDArray[np.float32]:
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat, np.float32).reshape(len(column), K)
