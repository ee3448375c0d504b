"""A folder of runs that was moved or copied: its MLflow store says where the artifacts are in whole paths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from silktune.errors import TrackingError

ARTIFACTS = "mlflow-artifacts"  # beside the database
_PATHS = (  # table, column
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def repoint(database: Path, runs: Path) -> bool:
    """Let an SQLite store that was moved or copied with its folder of runs know where its artifacts are now.

    It was if artifacts that it looks for elsewhere lie here, or if nothing lies elsewhere any more. Artifacts that
    another folder of runs has kept in this store from the beginning stay there.

    Returns:
        Whether it had been moved or copied.

    Raises:
        TrackingError: the database was copied without its artifacts: what is written would go to the original.
    """
    import sqlalchemy

    if not database.is_file() or database.parent != runs:
        return False
    engine = sqlalchemy.create_engine(sqlalchemy.URL.create("sqlite", database=str(database)))
    try:
        with engine.begin() as connection:
            if not sqlalchemy.inspect(connection).has_table("runs"):
                return False
            moved = [old for old in _elsewhere(connection, runs) if _is_moved(connection, old, runs)]
            for old in moved:
                _replace(connection, old, (runs / ARTIFACTS).as_uri())
            return bool(moved)
    finally:
        engine.dispose()


def _elsewhere(connection: Any, runs: Path) -> Iterator[str]:
    """The locations of experiments in folders of artifacts other than the one beside the database."""
    for (location,) in connection.exec_driver_sql("SELECT DISTINCT artifact_location FROM experiments").all():
        path = _path(location or "")
        if path and path.name == ARTIFACTS and not _same(path, runs / ARTIFACTS):
            yield location


def _is_moved(connection: Any, old: str, runs: Path) -> bool:
    """Whether what the store looks for at `old` came along with it; all of it did, or nothing."""
    query = "SELECT run_uuid FROM runs WHERE substr(artifact_uri, 1, ?) = ?"
    ids = [run for (run,) in connection.exec_driver_sql(query, (len(old) + 1, f"{old}/"))]
    path = _path(old)
    if path is None or not path.exists() or any((runs / ARTIFACTS / run).exists() for run in ids):
        return True
    if _has_any(path.parent / "mlflow.db", ids):
        raise TrackingError(
            f"MLflow: {runs / 'mlflow.db'} is a copy of {path.parent / 'mlflow.db'}, but its artifacts are still in "
            f"{path}, where the original would be written to; copy that folder to {runs / ARTIFACTS} too."
        )
    return False


def _has_any(database: Path, runs: list[str]) -> bool:
    """Whether another store has one of these runs."""
    import sqlalchemy

    if not database.is_file():
        return False
    engine = sqlalchemy.create_engine(sqlalchemy.URL.create("sqlite", database=str(database)))
    try:
        with engine.connect() as connection:
            there = {run for (run,) in connection.exec_driver_sql("SELECT run_uuid FROM runs")}
    except sqlalchemy.exc.DBAPIError:  # something else by this name
        return False
    finally:
        engine.dispose()
    return not there.isdisjoint(runs)


def _replace(connection: Any, old: str, new: str) -> None:
    """Every path in the folder `old` becomes one in `new`."""
    for table, column in _PATHS:
        connection.exec_driver_sql(
            f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE {column} = ? OR substr({column}, 1, ?) = ?",
            (new, len(old) + 1, old, len(old) + 1, f"{old}/"),
        )


def _path(location: str) -> Path | None:
    """The path of a location on this machine."""
    parts = urlsplit(location)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return None if parts.scheme else Path(location)


def _same(one: Path, other: Path) -> bool:
    """Whether two paths are of one folder, by a link perhaps."""
    return one == other or (one.exists() and other.exists() and one.samefile(other))
