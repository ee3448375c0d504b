"""How long MLflow may take for a request, which it reads in the environment: set while it is asked, not longer.

A thread must not write the environment while another one reads it, to start a process perhaps: where a thread asks
MLflow beside the main one, the limits stand for all of that time (`kept`).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

# MLflow's own limits, 7 retries and 120 s, let a study stand still for minutes. Without a retry of MLflow's, which
# would make a run a second time when only the answer was lost: whoever tries again looks first at what is there.
OPENING = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "5"}
WRITING = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
SENDING = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "120"}  # of a network's weights

_kept: dict[str, str] = {}  # what `kept` has set
_keepers: list[int] = []  # the thread that it was


@contextmanager
def limits(values: Mapping[str, str]) -> Iterator[None]:
    """MLflow's limits inside; what a person has set is left alone, and where others keep limits theirs hold."""
    if _keepers and threading.get_ident() not in _keepers:
        yield
        return
    ours = {name: value for name, value in values.items() if _kept.get(name) == os.environ.get(name) != value}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        _restore(before)


@contextmanager
def kept() -> Iterator[None]:
    """Inside, the limits of writing stand, and no other thread than this one changes them."""
    if _keepers:
        yield
        return
    ours = {name: value for name, value in WRITING.items() if name not in os.environ}
    os.environ.update(ours)
    _kept.update(ours)
    _keepers.append(threading.get_ident())
    try:
        yield
    finally:
        _keepers.clear()
        _kept.clear()
        _restore(dict.fromkeys(ours))


def _restore(before: Mapping[str, str | None]) -> None:
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
