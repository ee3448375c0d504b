"""Where a process's time goes: chosen methods are timed, each without those that it calls."""

from __future__ import annotations

import functools
import json
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

EVERY = 1.0  # seconds between two lines


class Clock:
    """Seconds and calls by part, of methods that one thread calls."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.marks: dict[str, float] = {}
        self._inner: list[float] = []  # seconds of timed calls within each of those that run

    def time(self, part: str, owner: Any, *names: str) -> None:
        """Count the time in these methods as a part's."""
        for name in names:
            setattr(owner, name, self._timed(part, getattr(owner, name)))

    def _timed(self, part: str, method: Any) -> Any:
        @functools.wraps(method)
        def timed(*words: Any, **named: Any) -> Any:
            began = time.perf_counter()
            self._inner.append(0.0)
            try:
                return method(*words, **named)
            finally:
                took = time.perf_counter() - began
                self.seconds[part] += took - self._inner.pop()
                self.calls[part] += 1
                if self._inner:
                    self._inner[-1] += took

        return timed

    def mark(self, name: str) -> None:
        """Remember when something was so for the first time."""
        self.marks.setdefault(name, time.time())

    def keep(self, file: Path) -> None:
        """Write all of it and the process's memory as a line, now and every second: the process may be killed."""
        threading.Thread(target=self._keep, args=(file,), daemon=True).start()

    def _keep(self, file: Path) -> None:
        while True:
            self.write(file)
            time.sleep(EVERY)

    def write(self, file: Path) -> None:
        content = {
            "at": time.time(), "memory": psutil.Process().memory_info().rss, "cpu": time.process_time(),
            "seconds": dict(self.seconds), "calls": dict(self.calls), "marks": dict(self.marks),
        }  # fmt: skip
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(content) + "\n")
