"""Ray's start can be interrupted: Ctrl-C and SIGTERM end it soon, and with it all processes that it has started.

While Ray waits for its processes, its C++ part hears no signal (measured with Ray 2.60: two minutes), and for the
first of them, at most 30 s, no other thread runs either.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import ray

from silktune.errors import Interrupted
from silktune.orchestrate.executors.ray.watchdog import end_process

GRACE = 3.0  # seconds in which Ray has started, or its processes end, by themselves
INTERRUPTED = "Interrupted while Ray was starting. What is done is kept; the same command goes on."


@contextmanager
def interruptible() -> Iterator[None]:
    """Inside, a Ray is started; Ctrl-C and SIGTERM wait until it is there, and if that takes long, end the process.

    An exception in the middle of Ray's start would get lost in it, or leave half a Ray behind. Only the main thread
    hears of signals; elsewhere what is started inside is ended if it fails.

    Raises:
        KeyboardInterrupt: there was one.
    """
    before, interrupted = set(_descendants(os.getpid())), threading.Event()
    try:
        with _signals_listened(before, interrupted):
            yield
    except BaseException as error:
        _end_children(before)
        if interrupted.is_set():
            raise KeyboardInterrupt from error
        raise
    if interrupted.is_set():
        ray.shutdown()
        raise KeyboardInterrupt


@contextmanager
def _signals_listened(before: Collection[int], interrupted: threading.Event) -> Iterator[None]:
    """Python writes a byte for every signal at once, even while the main thread is in C++; a thread reads it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    over, others = threading.Event(), signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    listener = threading.Thread(target=_listen, args=(reading, over, interrupted, before), daemon=True)
    listener.start()
    try:
        with _signals_held():
            yield
    finally:
        signal.set_wakeup_fd(others)
        over.set()
        writing.close()
        listener.join()
        reading.close()


@contextmanager
def _signals_held() -> Iterator[None]:
    """Inside, signals that somebody answers are only written down, and Ray does not put answers of its own there."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    of_ray = ray._private.utils.set_sigterm_handler
    ray._private.utils.set_sigterm_handler = _nothing
    for number, handler in handlers.items():
        if callable(handler):
            signal.signal(number, _nothing)
    try:
        yield
    finally:
        ray._private.utils.set_sigterm_handler = of_ray
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _nothing(*_: Any) -> None: ...


def _listen(
    reading: socket.socket, over: threading.Event, interrupted: threading.Event, before: Collection[int]
) -> None:
    while number := reading.recv(1):
        if number[0] in (signal.SIGINT, signal.SIGTERM):
            interrupted.set()
            if not over.wait(GRACE):
                logging.getLogger("ray").setLevel(logging.CRITICAL)  # it says much about children that are ended
                _end_children(before)
                end_process(INTERRUPTED, Interrupted.exit_code)


def _end_children(before: Collection[int]) -> None:
    """End the processes started since; those that do not by themselves are killed, with what they started meanwhile."""
    pids = [pid for pid in _descendants(os.getpid()) if pid not in before]
    for pid in pids:
        _signal(pid, signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    while any(map(_runs, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in {*pids, *(child for parent in pids for child in _descendants(parent))}:
        _signal(pid, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    pids = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text(encoding="utf-8").split()):
                pids += [child, *_descendants(child)]
    return pids


def _runs(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
