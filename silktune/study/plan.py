"""What a study sets out to do: trials, each an experiment and which run of it, and the file that says so."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from silktune.errors import SettingsError, StudyError
from silktune.filenames import filename
from silktune.outcome import write_whole
from silktune.settings import Experiment
from silktune.storage import Storage
from silktune.study.paths import StudyPaths, checked_name

SEARCHED = "trials"


@dataclass(frozen=True)
class Trial:
    """An experiment and which run of it; `group` says what for: the trials of a search, its final runs."""

    id: str
    group: str
    experiment: Experiment
    run: int = 0

    def seeded(self) -> Experiment:
        """The experiment as this run trains it: the same run number has the same seed in every experiment."""
        return self.experiment.with_({"train.seed": self.experiment.train.seed + self.run})

    def fingerprint(self, digest: str) -> str:
        """A name for everything that may change this trial's numbers, on the data set with this digest."""
        return fingerprint(self.seeded(), digest)


def final_group(winner: Trial) -> str:
    """The group of the final runs of a search's winner."""
    return f"final-{winner.id}"


def final_runs(winner: Trial, runs: int) -> list[Trial]:
    """The winner, to be trained again with seeds that the search did not use (it used run 0), and tested."""
    group = final_group(winner)
    return [Trial(f"{group}-run{r}", group, winner.experiment, r) for r in range(1, runs + 1)]


def fingerprint(experiment: Experiment, digest: str) -> str:
    """Sixteen hex digits of all settings that have an effect, the weights' file if there is one, and the data."""
    content: dict[str, Any] = experiment.effective().model_dump(mode="json")
    content["net"]["weights"] = experiment.net.weights_digest
    return hashlib.blake2b(f"{_canonical(content)}{digest}".encode(), digest_size=8).hexdigest()


def _canonical(content: object) -> str:
    return json.dumps(content, sort_keys=True, default=list)


@dataclass(frozen=True)
class Plan:
    """What makes a study the one it is. `what` may not change once it has begun; the rest is told, not compared."""

    study_id: str
    what: Mapping[str, Any]  # JSON: kind, data digest, base settings, space, sampler, seed
    command: str

    @property
    def key(self) -> str:
        """Six hex digits of `what`, for a folder's name."""
        return hashlib.blake2b(_canonical(self.what).encode(), digest_size=3).hexdigest()

    @classmethod
    def of(cls, what: Mapping[str, Any], command: str) -> Plan:
        return cls(uuid.uuid4().hex, json.loads(_canonical(what)), command)

    def paths(self, studies: Path, name: str, *, named: bool, storage: str | None = None) -> StudyPaths:
        """Where the study lies: a name that a person did not give gets the plan's key added, and may be shortened."""
        folder = studies / (checked_name(name) if named else f"{self._own(name)}-{self.key}")
        return StudyPaths(folder, Storage.of(storage) if storage else None)

    @staticmethod
    def _own(name: str) -> str:
        """The name of a space and a data set as that of a folder; most are one already."""
        try:
            return checked_name(name)
        except SettingsError:
            return filename(name)

    @classmethod
    def read(cls, paths: StudyPaths) -> Plan:
        """The plan of a study that has begun.

        Raises:
            StudyError: it is no study, or one of another version.
        """
        try:
            found = cls(**json.loads(paths.plan.read_text(encoding="utf-8")))
            if not (isinstance(found.what, dict) and isinstance(found.study_id, str)):
                raise TypeError("its parts are of other kinds")
        except FileNotFoundError:
            raise StudyError(f"{paths.folder} is no study: it has no {paths.plan.name}.") from None
        except (ValueError, TypeError) as error:
            raise StudyError(
                f"{paths.plan} is no plan of this version of silktune ({error}). Give another --name."
            ) from error
        return found

    def begin(self, paths: StudyPaths) -> Plan:
        """Write this plan into its folder, or find the same plan there and go on with that.

        Raises:
            StudyError: the folder holds another plan; says what differs.
        """
        if not paths.plan.exists():
            if any(paths.folder.glob("[!.]*")):
                raise StudyError(f"{paths.folder} holds files, but no plan.json of a study. Give another --name.")
            write_whole(paths.plan, json.dumps(self.__dict__, indent=1))
            return self
        found = Plan.read(paths)
        if different := list(_differences("", found.what, self.what)):
            raise StudyError(
                f"{paths.folder} is another study: {'; '.join(different[:5])}. "
                "Give another --name, or the settings it was begun with."
            )
        return found


def _differences(name: str, before: Any, now: Any) -> Any:
    """Where two JSON trees differ, as 'name was X, now Y'."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(before.keys() | now.keys()):
            yield from _differences(f"{name}.{key}".lstrip("."), before.get(key), now.get(key))
    elif before != now:
        yield f"{name} was {json.dumps(before)}, now {json.dumps(now)}"
