"""Every trouble with MLflow's store as a sentence: where, what, and what to do."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from silktune.errors import TrackingError

DEFAULT = "unset MLFLOW_TRACKING_URI to write to an SQLite file in the folder of runs"
AGAIN = "then run the command again: it goes on where it stopped"
FULL = f"the disk is full; make room, {AGAIN}."


def shown(text: str) -> str:
    """A text without the passwords of the URIs in it."""
    return re.sub(r"(//[^/@:\s]*):[^/@\s]*@", r"\1:***@", text)


@contextmanager
def sentences(uri: str) -> Iterator[None]:
    try:
        yield
    except TrackingError:
        raise
    except Exception as error:
        if type(error).__module__.split(".")[0] not in _FOREIGN and not isinstance(error, OSError | ImportError):
            raise  # a mistake of ours keeps its traceback
        raise TrackingError(f"MLflow: {shown(uri)}: {_sentence(error)}") from error


_FOREIGN = {"mlflow", "sqlalchemy", "sqlite3", "requests", "urllib3"}

# What is in the text of an error → what it means and what to do.
_MEANINGS = {
    r"disk is full|no space left|quota exceeded|file too large|disk i/o error": FULL,
    r"readonly database|unable to open|permission denied|read-only file|not a directory|file exists": (
        f"it cannot be written; check who owns the folder and whether it is read-only, {AGAIN}."
    ),
    r"not a database|malformed": (
        "it is damaged or no SQLite database; move it away and run the command again: "
        "what a study has on disk is written to a new one."
    ),
    r"database is locked": f"another process keeps it locked; end that process (`mlflow server`?), {AGAIN}.",
    r"out-of-date database schema|can't locate revision": (
        "it was written by another version of MLflow; install the newer of the two versions, or, if this one "
        "is the newer, save a copy and run `mlflow db upgrade` with this address."
    ),
    r"connection refused|failed to resolve|max retries|timed out|could not connect|can't connect|invalid url"
    r"|connection aborted|unreachable|connection to server": (
        f"it cannot be reached; check that the server runs and that host and port are right, or {DEFAULT}."
    ),
    r"no module named": f"a Python package for this kind of database is missing; install it, or {DEFAULT}.",
    r"unsupported uri|could not parse|can't load plugin|registered stores": (
        f"it is no address of an MLflow store; it may be http(s)://…, sqlite:///… or postgresql://…, or {DEFAULT}."
    ),
    r"\b40[13]\b|unauthori[sz]ed|forbidden": (
        "the server refuses us; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."
    ),
}


def _sentence(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}:
        return f"{error.filename or 'the folder of artifacts'}: {FULL}"
    text = shown(str(error))
    for pattern, meaning in _MEANINGS.items():
        if re.search(pattern, text, re.IGNORECASE):
            return meaning
    first = (text.splitlines() or [type(error).__name__])[0]
    return f"{first[:400]}; if a server answers there, check that it is MLflow's, or {DEFAULT}."
