"""What a study sets out to do: trials, each an experiment and which run of it, and the file that says so."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from silktune.errors import SettingsError, StudyError
from silktune.outcome import write_whole
from silktune.safe_names import file_name
from silktune.settings import Experiment
from silktune.settings.experiment import neutral_values
from silktune.settings.identity import FORM, KeptExperiment, digest, experiment_digest, first_complaint
from silktune.storage import Storage
from silktune.study.paths import StudyPaths, checked_name
from silktune.study.sampler_names import Sampler
from silktune.study.space import Space

SEARCHED = "trials"
CONFIRM_SEEDS = 1_000_000  # beyond those of a search and its final runs


@dataclass(frozen=True)
class Trial:
    """An experiment and which run of it; `group` says what for: the trials of a search, its final runs, …"""

    id: str
    group: str
    experiment: Experiment
    run: int = 0

    def seeded(self) -> Experiment:
        """The experiment as this run trains it: the same run number has the same seed in every experiment."""
        return self.experiment.with_({"train.seed": self.experiment.train.seed + self.run})

    def fingerprint(self, data: str) -> str:
        """A name for everything that may change this trial's numbers, on the data set with this digest."""
        return experiment_digest(self.seeded(), data)


def final_group(winner: Trial) -> str:
    """The group of the final runs of a search's winner."""
    return f"final-{winner.id}"


def confirm_group(trial: str) -> str:
    """The group of the runs by which a leading trial of a search is confirmed."""
    return f"confirm-{trial}"


def confirm_runs(trial: Trial, runs: int) -> list[Trial]:
    """A leading trial, to be trained again with seeds that neither the search nor the final runs use.

    Run r of every trial has the same seed.
    """
    seed, group = trial.experiment.train.seed + CONFIRM_SEEDS, confirm_group(trial.id)
    fresh = trial.experiment.with_({"train.seed": seed})
    return [Trial(f"{group}-run{r}", group, fresh, r) for r in range(1, runs + 1)]


def final_runs(winner: Trial, runs: int) -> list[Trial]:
    """The winner, to be trained again with seeds that the search did not use (it used run 0), and tested."""
    group = final_group(winner)
    return [Trial(f"{group}-run{r}", group, winner.experiment, r) for r in range(1, runs + 1)]


class _Plan(BaseModel):
    """What makes a study the one it is, and may not change once it has begun; `TOLD` is told, not compared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    form: int = FORM  # of this file, and of every digest in it
    study_id: str = Field(default_factory=lambda: uuid.uuid4().hex)
    command: str  # that it was begun with
    data: str  # digest of the data set
    weights: str  # digest of the base's weights

    def compared(self) -> dict[str, Any]:
        """What may not change, as JSON."""
        return self.model_dump(mode="json", exclude={*TOLD})

    @property
    def key(self) -> str:
        """Six hex digits of what may not change, for a folder's name."""
        return digest(self.compared())[:6]

    def paths(self, studies: Path, name: str, *, named: bool, storage: str | None = None) -> StudyPaths:
        """Where the study lies: a name that a person did not give gets the plan's key added, and may be shortened."""
        folder = studies / (checked_name(name) if named else f"{_folder_name(name)}-{self.key}")
        return StudyPaths(folder, Storage.of(storage) if storage else None)


class SearchPlan(_Plan):
    """A search: what is searched, and how trials are chosen."""

    kind: Literal["search"] = "search"
    space: Space
    sampler: Sampler
    seed: int  # of the sampler
    question: str = ""  # of the space, for the report; "" in studies that were begun before it was kept


class AblationPlan(_Plan):
    """An ablation: rows over this base. Rows are not in it: they may be added and taken out."""

    kind: Literal["ablation"] = "ablation"
    table: str
    base: KeptExperiment


Plan = SearchPlan | AblationPlan
TOLD = ("study_id", "command", "question")
_PLAN: TypeAdapter[Plan] = TypeAdapter(Annotated[Plan, Field(discriminator="kind")])


def read(paths: StudyPaths) -> Plan:
    """The plan of a study that has begun.

    Raises:
        StudyError: it is no study, or one of another version.
    """
    try:
        content = paths.plan.read_bytes()
    except FileNotFoundError:
        raise StudyError(f"{paths.folder} is no study: it has no {paths.plan.name}.") from None
    try:
        written = json.loads(content)
        if "what" in written or written.get("form", FORM) != FORM:
            raise StudyError(
                f"{paths.plan} is of another version of silktune, whose studies this one does not go on with. "
                "Give another --name to begin anew."
            )
        return _PLAN.validate_json(content)
    except (ValueError, TypeError, AttributeError, SettingsError) as error:
        why = (
            first_complaint(error) if isinstance(error, ValidationError | SettingsError) else "it holds something else"
        )
        raise StudyError(f"{paths.plan} is no plan of a study ({why}). Put it back, or give another --name.") from error


def begin(plan: Plan, paths: StudyPaths) -> Plan:
    """Write a plan into its folder, or find the same plan there and go on with that.

    Raises:
        StudyError: the folder holds another plan; says what differs.
    """
    if not paths.plan.exists():
        if any(paths.folder.glob("[!.]*")):
            raise StudyError(f"{paths.folder} holds files, but no plan.json of a study. Give another --name.")
        write_whole(paths.plan, plan.model_dump_json(indent=1))
        return plan
    begun = read(paths)
    if different := list(_differences("", begun.compared(), plan.compared())):
        raise StudyError(
            f"{paths.folder} is another study: {'; '.join(different[:5])}. "
            "Give another --name, or the settings it was begun with."
        )
    return begun


def _folder_name(name: str) -> str:
    """The name of a space and a data set as that of a folder; most are one already."""
    try:
        return checked_name(name)
    except SettingsError:
        return file_name(name)


def _differences(name: str, before: Any, now: Any) -> Iterator[str]:
    """Where two JSON trees differ, as 'name was X, now Y'."""
    if isinstance(before, dict) and isinstance(now, dict):
        neutral = neutral_values() if name.endswith("base") else {}  # of the settings that are not kept
        for key in sorted(before.keys() | now.keys()):
            values = (tree.get(key, neutral.get(key)) for tree in (before, now))
            yield from _differences(f"{name}.{key}".lstrip("."), *values)
    elif before != now:
        yield f"{name} was {json.dumps(before)}, now {json.dumps(now)}"
