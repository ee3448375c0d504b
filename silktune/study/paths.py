"""The only place that knows where a file of a study lies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from silktune.errors import SettingsError, StudyError
from silktune.outcome import Outcome
from silktune.storage import Storage

LONGEST = 200  # bytes of a study's name; file systems take 255, or 143 where they encrypt names


def checked_name(name: str) -> str:
    """A study's name as a person gave it: that of a folder in the folder of studies, and of nothing else.

    Raises:
        SettingsError: it would lie elsewhere, be hidden, or be no folder at all.
    """
    size = len(name.encode(errors="replace"))
    wrong = {
        "it is empty": not name.strip(),
        "it begins with a dot": name.startswith("."),
        "it has a slash in it, and a study lies directly in --root": "/" in name or "\\" in name,
        "it has signs in it that cannot be seen": not name.isprintable() or name != name.strip(),
        f"it has {size} bytes, and may have {LONGEST}": size > LONGEST,
    }
    for sentence in (sentence for sentence, holds in wrong.items() if holds):
        raise SettingsError(f"--name {name!r}: {sentence}. Give the name of a folder, such as first-search.")
    return name


@dataclass(frozen=True)
class StudyPaths:
    """A study's folder: the truth from which tables, reports and MLflow's record can be made again.

    With a storage that other machines reach, a copy of it is kept there (`mirror`), as is what trials write.
    """

    folder: Path
    storage: Storage | None = None  # of all studies

    @property
    def copy(self) -> Storage | None:
        """The study's copy in the storage."""
        return self.storage / self.folder.name if self.storage else None

    @property
    def reached(self) -> Storage:
        """What trials reach of the study, on whatever machine."""
        return self.copy or Storage.of(self.folder)

    @property
    def plan(self) -> Path:
        return self.folder / "plan.json"

    @property
    def metadata(self) -> Path:
        """What a tracker is told of the whole study."""
        return self.folder / "metadata.json"

    @property
    def outside(self) -> Path:
        """The content of the files outside the folder that its trials read."""
        return self.folder / "outside.json"

    @property
    def journal(self) -> Path:
        """Optuna's journal of the search."""
        return self.folder / "journal.log"

    @property
    def selection(self) -> Path:
        """How the winner of a search is chosen."""
        return self.folder / "selection.json"

    @property
    def baselines(self) -> Path:
        """What needs no training, on the study's test images."""
        return self.folder / "baselines.json"

    @property
    def report(self) -> Path:
        return self.folder / "report.md"

    @property
    def trials_table(self) -> Path:
        return self.folder / "trials.csv"

    @property
    def winner(self) -> Path:
        return self.folder / "winner.yaml"

    @property
    def table(self) -> Path:
        """What an ablation compares: its rows, and what is told of the data set."""
        return self.folder / "table.json"

    @property
    def figures(self) -> Path:
        """An ablation's pictures."""
        return self.folder / "figures"

    @property
    def ray(self) -> Path:
        """What Ray Tune wants to write; nothing of it is needed afterwards."""
        return self.folder / ".ray"

    def trial(self, trial: str) -> Path:
        """A trial's own folder: its model."""
        return self.folder / "trials" / trial

    def model(self, trial: str) -> Path:
        """The folder of a trial's model (`model.folder`)."""
        return self.trial(trial) / "model"

    def place(self, trial: str) -> Storage:
        """Where a trial, on whatever machine, writes its checkpoint and its model."""
        return self.reached / "trials" / trial

    def outcome(self, trial: str) -> Path:
        return self.folder / "outcomes" / f"{trial}.json"

    def predictions(self, trial: str) -> Path:
        """What a tested trial said of each image of the test set (`study.predictions`)."""
        return self.folder / "outcomes" / f"{trial}.parquet"

    def outcomes(self) -> Mapping[str, Outcome]:
        """Every outcome there is now, by trial, in the order of their names; each is read when it is asked for."""
        return _Outcomes(self.folder / "outcomes")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the study against other processes; the lock ends with the process, however it ends.

        Raises:
            StudyError: another process works on the study.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                file.seek(0)
                raise StudyError(
                    f"{self.folder} is being worked on by the process {file.read().strip() or '?'}. "
                    "Wait for it, or give this study another --name."
                ) from error
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    def is_locked(self) -> bool:
        """Whether a process works on the study."""
        try:
            with (self.folder / ".lock").open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False


class _Outcomes(Mapping[str, Outcome]):
    """None is kept in memory: with a hundred epochs, one takes megabytes."""

    def __init__(self, folder: Path) -> None:
        self._files = {path.stem: path for path in sorted(folder.glob("[!.]*.json"))}

    def __getitem__(self, trial: str) -> Outcome:
        return Outcome.read(self._files[trial])

    def __contains__(self, trial: object) -> bool:
        return trial in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)
