"""A driver whose Ray is gone says so and ends; Ray by itself waits for a minute, then ends the process on the spot.

Once a node or its head is gone, calls into Ray may never return, and no signal interrupts them (measured with Ray 2.60:
`remove_placement_group`). So it is a thread that ends the process, if an error does not.
"""

from __future__ import annotations

import errno
import gc
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import ray
from rich.console import Console

from silktune.errors import Interrupted, ResourceError, SilktuneError, unforeseen

INTERVAL = 2.0  # seconds between two checks
PATIENCE = 40.0  # seconds in which a head may come back; Ray's own are 60
GRACE = 10.0  # seconds for an end with everything closed
SHUTDOWN = 30.0  # seconds for Ray to disconnect; measured: 1.4
ANSWER = 5.0  # seconds in which whoever listens answers
KEPT = "What is done is kept; the same command goes on."


@contextmanager
def watching(name: str) -> Iterator[None]:
    """Inside, the end of the Ray that is connected is an error; if that does not get through, it ends the process.

    An error that is no answer of Ray's keeps its own cause, whatever has become of Ray meanwhile.

    Args:
        name: what a person calls this Ray.

    Raises:
        ResourceError: this Ray is gone.
    """
    node, over = ray._private.worker.global_worker.node, threading.Event()
    gone = f"{name} is gone"
    threading.Thread(target=_watch, args=(node, over, f"{gone}. {KEPT}"), daemon=True).start()
    try:
        yield
    except Exception as error:
        if _is_own(error) or (_node_listens(node) and _head_listens(node)):
            raise
        raise ResourceError(f"{gone} ({unforeseen(error)}). {KEPT}") from error
    finally:
        over.set()


def _is_own(error: Exception) -> bool:
    """Whether an error is of silktune or of this machine's files, and none that the loss of Ray can cause."""
    return isinstance(error, SilktuneError | OSError) and not isinstance(error, ConnectionError | TimeoutError)


def disconnect() -> None:
    """Disconnect from Ray; if Ray does not answer, the process ends with what there is to say already."""
    over, error = threading.Event(), sys.exception()
    threading.Thread(target=_limit, args=(over, error), daemon=True).start()
    try:
        with _nothing_collected():
            ray.shutdown()
    finally:
        over.set()


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Inside, Python's garbage collector does not run.

    While Ray 2.60 shuts down, an object reference that another thread drops ends the process; a thread that knows
    nothing of Ray drops those that the collector finds in it.
    """
    gc.collect()
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _limit(over: threading.Event, error: BaseException | None) -> None:
    if over.wait(SHUTDOWN):
        return
    if isinstance(error, SilktuneError):
        end_process(str(error), error.exit_code)
    if isinstance(error, KeyboardInterrupt):
        end_process(f"Interrupted. {KEPT}", Interrupted.exit_code)
    cause = unforeseen(error) if error else "Ray does not end"
    end_process(f"{cause}. {KEPT}", ResourceError.exit_code)


def _watch(node: Any, over: threading.Event, sentence: str) -> None:
    answered = time.monotonic()
    while _node_listens(node) and time.monotonic() - answered < PATIENCE:
        if _head_listens(node):
            answered = time.monotonic()
        if over.wait(INTERVAL):
            return
    if not over.wait(GRACE):
        end_process(sentence, ResourceError.exit_code)


def end_process(sentence: str, code: int) -> None:
    """Say a sentence and end this process at once, whatever its threads wait for."""
    with suppress(OSError, SystemExit):  # nobody reads any more
        console = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
        console.show_cursor()  # a progress display may have hidden it
        console.print(sentence, style="red", markup=False)
        sys.stdout.flush()
    os._exit(code)


def _node_listens(node: Any) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWER)  # one that is slow is there nevertheless
        return connection.connect_ex(node.raylet_socket_name) not in (errno.ECONNREFUSED, errno.ENOENT)


def _head_listens(node: Any) -> bool:
    host, port = node.gcs_address.rsplit(":", 1)
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER).close()
    except OSError:
        return False
    return True
