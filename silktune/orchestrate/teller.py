"""A thread that tells a tracker what has come together, while the driver goes on.

MLflow takes tens of milliseconds for an epoch, and seconds when it does not answer. What a person is to hear of it and
what goes wrong in the thread reach the driver's own thread, with its next call or at the end.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

GATHER = 1.0  # seconds in which calls come together
END = 30.0  # seconds in which, at the end, what is left is told
AT_ONCE = 5.0  # the same after an error or Ctrl-C
ANSWER = 30.0  # seconds more, in which the call that runs comes to its end


class Teller:
    """Calls `send` on a thread of its own, as long as something is left."""

    def __init__(self, send: Callable[[], bool], left: Callable[[], bool], note: Callable[[str], None]) -> None:
        """The thread is not started yet.

        Args:
            send: tells some of what there is to tell; False where it is to be tried again later.
            left: whether something is to be told.
            note: who hears the thread's sentences, on the thread of whoever calls.
        """
        self._send, self._left, self._note = send, left, note
        self._called, self._ending, self._ended = threading.Event(), threading.Event(), threading.Event()
        self._until = 0.0  # when the end's telling is over, by time.monotonic
        self._sentences: deque[str] = deque()
        self._error: BaseException | None = None

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Inside, the thread is at work; at the end it tells what is left, and is waited for."""
        thread = threading.Thread(target=self._work, name="silktune tracker", daemon=True)
        thread.start()
        try:
            yield
        except BaseException:
            self._end(AT_ONCE)
            raise
        self._end(END)
        self._hear()

    def call(self) -> None:
        """There is something to tell; hear what the thread has to say.

        Raises:
            Exception: what ended the thread.
        """
        self._called.set()
        self._hear()

    def say(self, sentence: str) -> None:
        """A sentence of the thread for the driver's note."""
        self._sentences.append(sentence)

    def _hear(self) -> None:
        while self._sentences:
            self._note(self._sentences.popleft())
        if self._error:
            error, self._error = self._error, None
            raise error

    def _end(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self._ending.set()
        self._called.set()
        if not self._ended.wait(seconds + ANSWER):
            self._note(f"MLflow has not answered for {seconds + ANSWER:.0f} s and is waited for no longer.")
        while self._sentences:
            self._note(self._sentences.popleft())

    def _work(self) -> None:
        try:
            while not self._ending.is_set():
                if not self._left():
                    self._called.wait()
                self._called.clear()
                self._ending.wait(GATHER)
                self._send()
            self._finish()
        except BaseException as error:
            self._error = error
        finally:
            self._ended.set()

    def _finish(self) -> None:
        """Tell what is left, until the time is over or the tracker is away."""
        while self._left() and time.monotonic() < self._until and self._send():
            pass
