"""Where MLflow keeps the runs: found, made once, and every trouble with it said in a sentence.

Of several processes that open a new store at once, one makes it and the others wait.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from silktune.errors import TrackingError
from silktune.safe_names import without_case_and_accents
from silktune.tracking.mlflow_names import short
from silktune.tracking.relocation import ARTIFACTS, repoint
from silktune.tracking.request_limits import OPENING, WRITING, limits
from silktune.tracking.store_errors import DEFAULT, sentences, shown

EXPERIMENT_LENGTH = 450  # of 500 in any MLflow store


def uri(runs: Path) -> str:
    """`MLFLOW_TRACKING_URI` if it is set, otherwise that of an SQLite file in the folder of runs."""
    return os.environ.get("MLFLOW_TRACKING_URI") or _sqlite(runs.absolute() / "mlflow.db")


def _sqlite(path: Path) -> str:
    """The path as SQLAlchemy wants it: `%` and `?` mean something else to it.

    Behind `sqlite:///` MLflow makes the folder of the path as it is written there; with the driver's name it does not.
    """
    quoted = str(path).replace("%", "%25").replace("?", "%3F")
    return f"sqlite:///{path}" if quoted == str(path) else f"sqlite+pysqlite:///{quoted}"


@dataclass(frozen=True)
class Store:
    """An open store and the experiment in it to which all runs belong."""

    client: Any  # mlflow.MlflowClient
    uri: str
    experiment: str
    notes: tuple[str, ...] = ()  # what a person should know of how it was opened, in sentences

    @contextmanager
    def sentences(self, within: Mapping[str, str] = WRITING) -> Iterator[None]:
        """Turns what MLflow raises inside into a `TrackingError`; a server that does not answer raises in seconds."""
        with sentences(self.uri), limits(within):
            yield


def open_store(uri: str, runs: Path, experiment: str = "silktune") -> Store:
    """Opens the store; makes the database and the experiment if they are not there yet, or restores a deleted one.

    Args:
        uri: a tracking URI of MLflow: a database or a server.
        runs: the folder of runs; the artifacts of a database are kept in `mlflow-artifacts` in it.
        experiment: what the MLflow experiment is called, but for `experiment_name`.

    Raises:
        TrackingError: the store cannot be reached or written, in one sentence and within seconds.
    """
    name = experiment_name(experiment)
    with sentences(uri):
        database = _database(uri)
        with _alone(database), limits(OPENING):
            _check(uri)
            moved = database is not None and repoint(database, runs.absolute())
            _settle()
            from mlflow import MlflowClient

            _quiet()
            client = MlflowClient(tracking_uri=uri)
            found = _experiment(client, uri, runs, name)
            restored = _restore(client, found)
    notes = (*[_moved(uri, runs)] * moved, *[_restored(uri, name)] * restored)
    return Store(client, uri, found.experiment_id, notes)


def experiment_name(name: str) -> str:
    """The name as an MLflow experiment may have it: `Default`, in whatever letters, is MLflow's own."""
    made = short(name.strip() or "data", EXPERIMENT_LENGTH)
    return f"{made} (silktune)" if without_case_and_accents(made) == without_case_and_accents("Default") else made


def is_database(uri: str) -> bool:
    return uri.startswith(("sqlite:", "sqlite+", "postgresql", "mysql", "mssql"))


def _settle() -> None:
    """What MLflow reads in the environment when it is imported; what a person has set is left alone."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # two lines for every run that ends


def _quiet() -> None:
    """No migrations on the terminal, and no traceback of an error that is said in a sentence.

    mlflow sets its own level when it is imported.
    """
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


def _check(uri: str) -> None:
    """Asks for the database once, where MLflow would ask for 100 seconds."""
    if uri.startswith("file:") or ("://" not in uri and not uri.startswith("databricks")):
        raise TrackingError(
            f"MLflow: {uri} is a folder, and MLflow keeps no runs in folders any more; "
            f"set MLFLOW_TRACKING_URI to a server (http://…) or a database (sqlite:///…), or {DEFAULT}."
        )
    if not is_database(uri):
        return
    import sqlalchemy

    url = sqlalchemy.make_url(uri)
    if url.get_backend_name() == "sqlite" and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sqlalchemy.create_engine(uri)
    try:
        with engine.connect() as connection:
            if url.get_backend_name() == "sqlite":
                connection.exec_driver_sql("SELECT * FROM sqlite_master")
                connection.exec_driver_sql("BEGIN IMMEDIATE")  # may it be written?
    finally:
        engine.dispose()


def _database(uri: str) -> Path | None:
    """The file of an SQLite store; None for any other, or one that is named by a URI of SQLite's own."""
    if not uri.startswith("sqlite:"):
        return None
    import sqlalchemy

    name = sqlalchemy.make_url(uri).database
    return None if not name or name.startswith((":memory:", "file:")) else Path(name).absolute()


@contextmanager
def _alone(database: Path | None) -> Iterator[None]:
    """Wait until no other process opens this database; two that make its tables at once destroy each other's work.

    MLflow's own lock is in the temporary folder, which the two need not share, and is let go too early.
    """
    if database is None:
        yield
        return
    database.parent.mkdir(parents=True, exist_ok=True)
    with database.with_name(f".{database.name}.lock").open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _experiment(client: Any, uri: str, runs: Path, name: str) -> Any:
    """The experiment, which is made if it is not there; perhaps by another process at the same time."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        folder = (runs.absolute() / ARTIFACTS).as_uri() if is_database(uri) else None
        try:
            client.create_experiment(name, artifact_location=folder)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        found = client.get_experiment_by_name(name)
    return found


def _restore(client: Any, experiment: Any) -> bool:
    """Whether the experiment was deleted and is restored."""
    if experiment.lifecycle_stage != "deleted":
        return False
    try:
        client.restore_experiment(experiment.experiment_id)
    except Exception:
        if client.get_experiment(experiment.experiment_id).lifecycle_stage == "deleted":
            raise
        return False  # another process was faster
    return True


def _moved(uri: str, runs: Path) -> str:
    return (
        f"MLflow: {shown(uri)}: the folder was moved or copied; its artifacts are in {runs.absolute() / ARTIFACTS} now."
    )


def _restored(uri: str, name: str) -> str:
    back = "It is restored, and so are all runs that were in it."
    return f"MLflow: {shown(uri)}: the experiment '{name}' had been deleted. {back}"
