"""A folder that all who need it can reach: on a disk, or in object storage (`s3://bucket/folder`).

Names in it are relative and have slashes. A file is written whole or not at all.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import fsspec
import pyarrow
from pyarrow import fs

from silktune.errors import ResourceError, reason


@dataclass(frozen=True)
class Storage:
    """A folder, named by an absolute path or by a URI that pyarrow or fsspec understands; it need not exist yet."""

    where: str

    @classmethod
    def of(cls, where: str | Path) -> Storage:
        """The place that a person named; a relative path means the folder it means here, wherever it is sent.

        Raises:
            ResourceError: no library at hand knows this kind of place.
        """
        place = cls(str(where) if is_uri(where) else str(Path(where).absolute()))
        place._open()
        return place

    def __truediv__(self, name: str) -> Storage:
        """A folder in this one."""
        if not is_uri(self.where):
            return Storage(str(Path(self.where, name)))
        uri, mark, options = self.where.partition("?")
        return Storage(f"{uri.rstrip('/')}/{quote(name)}{mark}{options}")

    @property
    def parent(self) -> Storage:
        """The folder that this one is in."""
        if not is_uri(self.where):
            return Storage(str(Path(self.where).parent))
        uri, mark, options = self.where.partition("?")
        return Storage(f"{uri.rstrip('/').rpartition('/')[0]}{mark}{options}")

    def __str__(self) -> str:
        """As a person reads it: without the parts of a URI that may hold a password."""
        if not is_uri(self.where):
            return self.where
        parts = urlsplit(self.where)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{unquote(parts.path)}"

    def read(self, name: str) -> bytes | None:
        """A file's content, or None if there is no such file.

        Raises:
            OSError: the place cannot be reached.
        """
        files, folder = self._open()
        try:
            with files.open_input_stream(f"{folder}/{name}") as stream:
                return bytes(stream.read())
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, name: str, content: bytes | memoryview) -> None:
        """Write a file in place of the one before.

        Raises:
            OSError: it cannot be written; the one before is there still.
        """
        with self._stream(name) as stream:
            stream.write(content)

    def fetch(self, name: str, path: Path) -> None:
        """Copy a file onto this machine's disk.

        Raises:
            OSError: it cannot be read, or not be written here.
        """
        files, folder = self._open()
        fs.copy_files(f"{folder}/{name}", str(path.absolute()), files, fs.LocalFileSystem())

    def store(self, path: Path, name: str) -> None:
        """Copy a file of this machine's disk in place of the one before.

        Raises:
            OSError: it cannot be written; the one before is there still.
        """
        with path.open("rb") as source, self._stream(name) as stream:
            while piece := source.read(2**24):
                stream.write(piece)

    def files(self) -> dict[str, int]:
        """Every file in it and in the folders below, with its bytes, in the order of their names.

        Raises:
            OSError: the place cannot be reached.
        """
        files, folder = self._open()
        found = files.get_file_info(fs.FileSelector(folder, recursive=True, allow_not_found=True))
        plain = [info for info in found if info.type == fs.FileType.File]
        return {info.path.removeprefix(f"{folder}/"): info.size for info in sorted(plain, key=lambda info: info.path)}

    def remove(self, name: str = "") -> None:
        """Remove a file, or the whole folder; nothing happens if it is not there.

        Raises:
            OSError: it cannot be removed.
        """
        files, folder = self._open()
        try:
            if name:
                files.delete_file(f"{folder}/{name}")
            else:
                files.delete_dir(folder)
        except FileNotFoundError:
            return

    @contextmanager
    def _stream(self, name: str) -> Iterator[Any]:
        """Where a file's content goes; it has its name when all is written, as objects in a bucket do by themselves."""
        files, folder = self._open()
        path = f"{folder}/{name}"
        if files.type_name != "local":
            with files.open_output_stream(path) as stream:
                yield stream
            return
        beside = Path(path).with_name(f".{uuid.uuid4().hex}.part")
        beside.parent.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("wb") as file:
                yield file
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)

    def _open(self) -> tuple[Any, str]:
        """The file system, and the folder in it."""
        if not is_uri(self.where):
            return fs.LocalFileSystem(), self.where.rstrip("/")
        parts = urlsplit(self.where)
        try:
            files, root = _system(f"{parts.scheme}://{parts.netloc}/", parts.query)
        except (pyarrow.ArrowException, ValueError, ImportError) as error:
            raise ResourceError(
                f"{self}: this is no place that can be used ({reason(error)}). Give a folder, or s3://bucket/folder."
            ) from error
        return files, f"{root.rstrip('/')}/{unquote(parts.path).strip('/')}"


def is_uri(where: str | Path) -> bool:
    """Whether it is the name of a place that need not be on this machine."""
    return "://" in str(where)


@lru_cache(maxsize=64)
def _system(root: str, options: str) -> tuple[Any, str]:
    """A file system and its root; what pyarrow does not know, fsspec may."""
    try:
        files, path = fs.FileSystem.from_uri(f"{root}?{options}" if options else root)
    except pyarrow.ArrowInvalid as error:
        if "Unrecognized filesystem type" not in str(error):
            raise
        plain, path = fsspec.core.url_to_fs(root)
        files = fs.PyFileSystem(fs.FSSpecHandler(plain))
    return files, path
