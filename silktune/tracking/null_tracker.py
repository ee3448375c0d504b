"""A study that nobody records: the study's folder has everything all the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from silktune.outcome import Epoch, Outcome


class NoTracker:
    """`outcome.Tracker` that writes nothing and imports no MLflow."""

    def open(self, tags: Mapping[str, str], params: Mapping[str, object]) -> None: ...

    def reopen(self) -> None: ...

    def group(self, group: str, *, name: str, params: Mapping[str, object], tags: Mapping[str, str]) -> None: ...

    def trial(self, group: str, trial: str, params: Mapping[str, object], tags: Mapping[str, str]) -> None: ...

    def epochs(self, trial: str, epochs: Sequence[Epoch]) -> None: ...

    def outcome(self, trial: str, outcome: Outcome) -> None: ...

    def summary(self, group: str, metrics: Mapping[str, float]) -> None: ...

    def artifact(self, group: str, path: Path) -> None: ...

    def close(self, *, failed: bool) -> None: ...
