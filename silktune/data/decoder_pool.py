"""Processes that decode images. `decoder_worker` is their other end, and says why they are not threads."""

from __future__ import annotations

import os
import pickle
import queue
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from silktune.data.decoder_worker import READY
from silktune.errors import ResourceError

P = ParamSpec("P")
R = TypeVar("R")

_CODE = "from silktune.data.decoder_worker import serve; serve()"
# glibc gives every array of an image back to the system and gets it again for the next one, page by page: a fifth of
# the time. What a process may keep instead, and how large an array is given back still.
_MALLOC = {"MALLOC_TRIM_THRESHOLD_": str(2**26), "MALLOC_MMAP_THRESHOLD_": str(2**22)}


class DiedError(Exception):
    """A process ended in the middle of a call; the text says how."""


class Decoders:
    """Up to `count` processes, each started when it is needed first; as many threads may call at once.

    A process that dies takes only its own call with it.
    """

    def __init__(self, count: int, max_pixels: int) -> None:
        self._env = (
            _MALLOC
            | os.environ
            | {
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                "OPENCV_IO_MAX_IMAGE_PIXELS": str(max_pixels),  # holds whatever an image's header says
            }
        )
        self._idle: queue.LifoQueue[_Decoder | None] = queue.LifoQueue()
        for _ in range(count):
            self._idle.put(None)
        self._count = count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End all processes; no thread may be calling any more."""
        for _ in range(self._count):
            if decoder := self._idle.get():
                decoder.end()

    def call(self, function: Callable[P, R], *arguments: P.args, **_: P.kwargs) -> R:
        """What a function of `decoder_worker` returns in one of the processes.

        Raises:
            DiedError: the process ended before it had an answer.
            ResourceError: no process can be started.
        """
        decoder = self._idle.get()
        try:
            decoder = decoder or _Decoder(self._env)
            answer: R = decoder.call(function, arguments)
        except DiedError:
            decoder = None
            raise
        finally:
            self._idle.put(decoder)
        return answer


class _Decoder:
    def __init__(self, env: dict[str, str]) -> None:
        command = [sys.executable, "-P", "-c", _CODE]
        try:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
            ready = self._answer()
        except (OSError, DiedError) as error:
            raise ResourceError(f"A process that decodes images cannot be started: {error}.") from error
        assert ready == READY

    def call(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        assert self._process.stdin
        with suppress(BrokenPipeError):  # how it ended is said below
            pickle.dump((function, arguments), self._process.stdin)
            self._process.stdin.flush()
        answer = self._answer()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _answer(self) -> Any:
        assert self._process.stdout
        try:
            return pickle.load(self._process.stdout)
        except (EOFError, pickle.UnpicklingError) as error:
            raise DiedError(_how(self.end())) from error

    def end(self) -> int:
        """Let it end, as it does when nobody can call any more; its exit status."""
        assert self._process.stdin
        assert self._process.stdout
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()
        return self._process.wait()


def _how(status: int) -> str:
    """How a process ended, as a sentence goes on."""
    if status == -signal.SIGKILL:
        return "it was killed, as a system does that is short of memory"
    return f"it ended with {signal.Signals(-status).name}" if status < 0 else f"it ended with status {status}"
