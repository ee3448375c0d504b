"""Ray's start can be interrupted: Ctrl-C and SIGTERM end it soon, and with it all processes that it has started.

While Ray waits for its processes, its C++ part hears no signal (measured with Ray 2.60: two minutes).
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from silktune.errors import Interrupted
from silktune.orchestrate.vigil import end_process

GRACE = 3.0  # seconds in which an interruption gets through, and processes end, by themselves
INTERRUPTED = "Interrupted while Ray was starting. What is done is kept; the same command goes on."


@contextmanager
def interruptible() -> Iterator[None]:
    """Inside, an interruption ends what is started inside, and the process too if the exception does not get through.

    Only the main thread hears of signals; elsewhere what is started inside is ended if it fails.
    """
    before = set(_descendants(os.getpid()))
    with _heard(before):
        try:
            yield
        except BaseException as error:
            _end_children(before)
            if isinstance(error, SystemExit):  # so Ray answers SIGTERM, from the moment at which it begins
                raise KeyboardInterrupt from None
            raise


@contextmanager
def _heard(before: Collection[int]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    over, others = threading.Event(), signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    listener = threading.Thread(target=_listen, args=(reading, over, before), daemon=True)
    listener.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(others)
        over.set()
        writing.close()
        listener.join()
        reading.close()


def _listen(reading: socket.socket, over: threading.Event, before: Collection[int]) -> None:
    """Python writes a byte for every signal at once, even while the main thread is in C++."""
    while number := reading.recv(1):
        if number[0] in (signal.SIGINT, signal.SIGTERM) and not over.wait(2 * GRACE):
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
    for pid in {*pids, *(child for one in pids for child in _descendants(one))}:
        _signal(pid, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    found = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text(encoding="utf-8").split()):
                found += [child, *_descendants(child)]
    return found


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
