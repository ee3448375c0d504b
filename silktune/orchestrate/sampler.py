"""The search's side of Optuna: a journal in the study's folder that knows every trial, across restarts.

`_sampler` makes the samplers that `study.sampler_names` names. A trial that was running when the driver died is handed
out again under its own id; a trial that ended is told once: finished as COMPLETE, stopped early as PRUNED, failed as
FAIL.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.importance import FanovaImportanceEvaluator
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState, create_trial

from silktune.errors import StudyError
from silktune.outcome import Epoch, Outcome
from silktune.seeds import number
from silktune.study.importances import Importances
from silktune.study.paths import StudyPaths
from silktune.study.plan import SEARCHED, Trial
from silktune.study.sampler_names import Sampler
from silktune.study.space import Dimension, Point, Space

WARM_UP = 5  # other trials that have come as far before one is stopped there; Optuna's MedianPruner waits for as many
STATES = {"finished": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
NAME = "search"
FEWEST = 4  # different values, of which something may be said


class SearchedTrials:
    """What a search's journal knows of its trials; reading it changes nothing."""

    def __init__(self, study: optuna.Study, space: Space) -> None:
        self.study, self.space = study, space
        self.trials = {_name(frozen): self._trial(frozen) for frozen in self._begun()}

    @classmethod
    def read(cls, paths: StudyPaths, space: Space) -> SearchedTrials:
        """The trials in a study's folder, which is left as it is: finished, interrupted or at work.

        Raises:
            StudyError: the journal is missing, or is none.
        """
        if not paths.journal.exists():
            raise StudyError(f"{paths.journal} is missing. Put it back, or give the search another --name.")
        try:
            return cls(optuna.load_study(study_name=NAME, storage=_journal(paths)), space)
        except KeyError:
            raise StudyError(f"{paths.journal} is no journal of a search.") from None

    def _begun(self) -> list[FrozenTrial]:
        return [t for t in self.study.get_trials(deepcopy=False) if t.state != TrialState.WAITING]

    def _trial(self, frozen: FrozenTrial) -> Trial:
        point = {d.name: _value(d, frozen.params[d.name]) for d in self.space.dimensions if d.name in frozen.params}
        return Trial(_name(frozen), SEARCHED, self.space.experiment(point))

    def ended(self) -> list[Trial]:
        """Every trial that has ended, in the order in which they were begun."""
        return [self.trials[_name(t)] for t in self._begun() if t.state.is_finished()]

    def importances(self) -> Importances | None:
        """What the settings explain of the trials' differences; None where there are too few trials to tell.

        Where trials were stopped early, all are compared at the last epoch that each of them reached. A setting that
        has an effect in some of the trials only is compared among these.
        """
        trials = [t for t in self._begun() if t.state in (TrialState.COMPLETE, TrialState.PRUNED)]
        stopped, epoch = sum(t.state == TrialState.PRUNED for t in trials), None
        if stopped:
            trials = [t for t in trials if t.intermediate_values]  # others have the values of a trial that is the same
            epoch = min(max(t.intermediate_values) for t in trials)
        values = {t.number: t.value if epoch is None else t.intermediate_values[epoch] for t in trials}
        shares = _shares(trials, values)
        if not shares:
            return None
        others = {name: [t for t in trials if name in t.params] for name in self._names() if name not in shares}
        active = {name: (_shares(have, values).get(name), len(have)) for name, have in others.items()}
        told = {name: (share, count) for name, (share, count) in active.items() if share is not None}
        return Importances(len(trials), shares, stopped, epoch, told)

    def _names(self) -> list[str]:
        return [dimension.name for dimension in self.space.dimensions]


def _shares(trials: Sequence[FrozenTrial], values: Mapping[int, float | None]) -> dict[str, float]:
    """The share of each setting that all of these trials have, largest first; none of fewer than four values."""
    if len({values[t.number] for t in trials}) < FEWEST:
        return {}
    study = optuna.create_study(direction="maximize")
    for t in trials:
        study.add_trial(create_trial(params=t.params, distributions=t.distributions, value=values[t.number]))
    try:
        return dict(optuna.importance.get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0)))
    except (RuntimeError, ValueError):  # no variance, or no setting that all trials share
        return {}


class OptunaSource(SearchedTrials):
    """Hands out the trials of a search until there are `wanted` of them (None: until the grid is done).

    The study is begun or gone on with: its lock is to be held.

    Raises:
        SpaceError: a grid over a range without a step.
    """

    def __init__(self, paths: StudyPaths, space: Space, sampler: Sampler, seed: int, wanted: int | None) -> None:
        grid = space.grid() if sampler == "grid" else []
        super().__init__(_begin(paths, space), space)
        points = grid if sampler == "grid" else list(space.first.values())
        for point in points[len(self.study.get_trials(deepcopy=False)) :]:
            self.study.enqueue_trial(_params(space, point))
        self._kept = 0 if sampler == "grid" else len(space.first)  # of the first trials: none of them is stopped
        self.wanted = min(wanted or len(grid), len(grid)) if sampler == "grid" else wanted or 0
        self._sampler: tuple[Sampler, int] = sampler, seed
        self._again = [frozen for frozen in self._begun() if frozen.state == TrialState.RUNNING]
        self._reported = {_name(frozen): list(frozen.intermediate_values) for frozen in self._again}  # epochs
        self._live: dict[str, optuna.Trial] = {}

    def more(self) -> bool:
        """Whether there is a trial to begin or to go on with."""
        return bool(self._again) or len(self.trials) < self.wanted

    def next(self) -> Trial | None:
        if self._again:
            frozen = self._again.pop(0)
            self.study.sampler = _sampler(*self._sampler, frozen.number)
            live = optuna.Trial(self.study, frozen._trial_id)
        elif len(self.trials) < self.wanted:
            self.study.sampler = _sampler(*self._sampler, len(self.trials))
            live = self.study.ask()
        else:
            return None
        self._suggest(live)  # an interrupted trial may have been killed between two suggestions
        trial = self._trial(self.study.get_trials(deepcopy=False)[live.number])
        self.trials[trial.id], self._live[trial.id] = trial, live
        return trial

    def _suggest(self, live: optuna.Trial) -> None:
        point: Point = {}
        for d in self.space.dimensions:
            if not self.space.active(d, point):
                continue
            if d.choices:
                point[d.name] = json.loads(live.suggest_categorical(d.name, [json.dumps(c) for c in d.choices]))
            elif d.integer:
                step = int(d.step or 1)
                point[d.name] = live.suggest_int(d.name, int(d.low), int(d.high), log=d.log, step=step)
            else:
                point[d.name] = d.clean(live.suggest_float(d.name, d.low, d.high, log=d.log, step=d.step))

    def epoch(self, trial: Trial, epoch: Epoch) -> bool:
        """Stop it if asynchronous successive halving says so and has enough trials to compare it with.

        The points under `first:` go on to their end: they are what the search is compared with. Of the epochs that a
        trial brings again after an interruption only the last is decided upon again.
        """
        live = self._live[trial.id]
        last = max(self._reported.get(trial.id, ()), default=0)
        if epoch.number > last:
            live.report(epoch.validation.mean_f1, epoch.number)
        behind = epoch.number >= last and live.should_prune()  # asked in any case: it notes how far the trial has come
        return behind and live.number >= self._kept and self._others(live.number, epoch.number) >= WARM_UP

    def _others(self, trial: int, epoch: int) -> int:
        """How many other trials have come to this epoch."""
        trials = self.study.get_trials(deepcopy=False)
        return sum(epoch in one.intermediate_values for one in trials if one.number != trial)

    def outcome(self, trial: Trial, outcome: Outcome) -> None:
        live = self._live.pop(trial.id)
        if outcome.reason:
            live.set_user_attr("reason", outcome.reason)
        value = outcome.value if outcome.state == "finished" else None
        self.study.tell(live, value, STATES[outcome.state], skip_if_finished=True)


def _begin(paths: StudyPaths, space: Space) -> optuna.Study:
    """The study in the journal, which is made ready to be written on."""
    paths.folder.mkdir(parents=True, exist_ok=True)
    if not paths.journal.exists() and any(paths.outcome("t").parent.glob("t*.json")):
        raise StudyError(f"{paths.folder} has outcomes but no {paths.journal.name}. Give this search another --name.")
    for stale in paths.folder.glob(f"{paths.journal.name}.lock*"):
        stale.unlink()  # of a driver that was killed: the study's own lock says that no other one is there
    _cut_torn_line(paths.journal)
    pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
    if space.asha:
        pruner = optuna.pruners.SuccessiveHalvingPruner(
            min_resource=space.asha.min_epochs, reduction_factor=space.asha.reduction
        )
    return optuna.create_study(
        storage=_journal(paths), study_name=NAME, direction="maximize", load_if_exists=True, pruner=pruner
    )


def _journal(paths: StudyPaths) -> JournalStorage:
    """The journal, of which Optuna says no more than its errors."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return JournalStorage(JournalFileBackend(str(paths.journal)))


def _name(frozen: FrozenTrial) -> str:
    return f"t{frozen.number:03d}"


def _cut_torn_line(journal: Path) -> None:
    """A disk that was full, or a machine that was switched off, can leave half a line at the journal's end."""
    if journal.exists() and not (content := journal.read_bytes()).endswith(b"\n"):
        with journal.open("r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)


def _sampler(sampler: Sampler, seed: int, asked: int) -> optuna.samplers.BaseSampler:
    """A sampler whose chance depends on the trial's number alone: interrupted or not, it proposes the same."""
    seed = number(seed, "sampler", asked)
    if sampler == "tpe":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # of `group`
            return optuna.samplers.TPESampler(multivariate=True, group=True, constant_liar=True, seed=seed % 2**32)
    return optuna.samplers.RandomSampler(seed=seed % 2**32)


def _params(space: Space, point: Point) -> dict[str, Any]:
    """A point as Optuna keeps it: choices as their JSON."""
    return {
        d.name: json.dumps(_choice(d, point[d.name])) if d.choices else point[d.name]
        for d in space.dimensions
        if d.name in point
    }


def _choice(dimension: Dimension, value: Any) -> Any:
    """The very choice that equals a value (1 and 1.0 are written differently)."""
    return next(choice for choice in dimension.choices if choice == value)


def _value(dimension: Dimension, param: Any) -> Any:
    return json.loads(param) if dimension.choices else dimension.clean(param)
