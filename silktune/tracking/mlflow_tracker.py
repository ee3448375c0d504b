"""A study in MLflow: its run, under it the trials of a search, and a run for every other group, as a table's row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from silktune.outcome import Epoch, Outcome, Scores
from silktune.tracking.confusion import document, pictures
from silktune.tracking.mlflow_names import NAME_LENGTH, digest, safe, short
from silktune.tracking.mlflow_run import GROUP, NAME, PARENT, STATE, STUDY, TRIAL, Run
from silktune.tracking.store import Store, open_store

SEARCH = "trials"  # the group whose trials lie directly under the study
ENDS = {"finished": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
INTERRUPTED = "interrupted"
REASON, DEVICE, OUTCOME = "silktune.reason", "silktune.device", "silktune.outcome"


class MlflowTracker:
    """`outcome.Tracker` over MLflow.

    Every call may be repeated, by this object or by a later one over the same store: runs are found again by
    their tags (`silktune.study`, `silktune.group`, `silktune.trial`), and nothing in a run is written again.

    Raises, in every method:
        TrackingError: the store cannot be reached or written.
    """

    def __init__(self, uri: str, runs: Path, experiment: str, study: str, study_id: str, *, live: bool = True) -> None:
        """Nothing is opened yet.

        Args:
            uri: MLflow's tracking URI, `store.uri(runs)`.
            runs: the folder of runs.
            experiment: the name of the MLflow experiment.
            study: the name of the study, which its run gets.
            study_id: what no other study has; by it the runs of the study are found again.
            live: whether the study goes on; if not, its record is only completed, and what has ended stays ended.
        """
        self._where = (uri, runs, experiment)
        self._study, self._study_id = study, safe(study_id)
        self._live = live
        self._opening: tuple[Mapping[str, str], Mapping[str, object]] = ({}, {})
        self._store: Store | None = None
        self._groups: dict[str, Run] = {}  # "" is the study's own
        self._trials: dict[str, Run] = {}

    @property
    def store(self) -> Store:
        if self._store is None:
            raise RuntimeError("the tracker is not open: call open() first")
        return self._store

    def open(self, tags: Mapping[str, str], params: Mapping[str, object]) -> None:
        """Begins the study's run, or goes on with it."""
        self._opening = (tags, params)
        self.reopen()

    def reopen(self) -> None:
        """Asks the store what it has of the study: an answer that was lost may have been a run that was made."""
        tags, params = self._opening
        store = open_store(*self._where)
        groups: dict[str, Run] = {}
        trials: dict[str, Run] = {}
        for group, trial, run in Run.of_study(store, self._study_id):
            (trials if trial else groups)[trial or group] = run
        if "" not in groups:
            groups[""] = Run.begin(store, self._study, self._identity("", "") | dict(tags))
        self._store, self._groups, self._trials = store, groups, trials
        if self._live:
            groups[""].resume()
        groups[""].write(tags=tags, params=params)
        self._adopt()

    def _adopt(self) -> None:
        """Runs whose parent a person deleted get the new one; a group that has trials has a run again."""
        for trial in self._trials.values():
            trial.write(tags={PARENT: self.run(trial.tags[GROUP]).id})
        for group, run in self._groups.items():
            if group:
                run.write(tags={PARENT: self._groups[""].id})

    def run(self, group: str) -> Run:
        """The run of a group: its own, begun if it has none; the study's for "" and for the trials of a search."""
        if group in self._groups or group == SEARCH:
            return self._groups[group if group in self._groups else ""]
        return self._begin(group, f"{group} runs")

    def _begin(self, group: str, name: str) -> Run:
        """A new run of a group, under the study's."""
        self._groups[group] = Run.begin(self.store, name, self._identity(group, "", self._groups[""]))
        return self._groups[group]

    def group(self, group: str, *, name: str, params: Mapping[str, object], tags: Mapping[str, str]) -> None:
        """Begins a group's own run, or goes on with it; it runs again when one of its trials does."""
        run = self._groups.get(group) or self._begin(group, name)
        run.write(params=params, tags=dict(tags) | {NAME: short(name, NAME_LENGTH)})

    def trial(self, group: str, trial: str, params: Mapping[str, object], tags: Mapping[str, str]) -> None:
        """Begins a trial's run, or goes on with it; the tag `mlflow.runName` names it, else its id does."""
        parent = self.run(group)
        if trial not in self._trials:
            labels = self._identity(group, trial, parent) | dict(tags)
            self._trials[trial] = Run.begin(self.store, trial, labels)
        run = self._trials[trial]
        run.write(tags={PARENT: parent.id})
        if run.running or run.tags.get(STATE) == INTERRUPTED:
            self._resume(run)
        run.write(params=params, tags=tags)

    def _resume(self, run: Run) -> None:
        """A trial runs, and so does the group that it belongs to."""
        self.run(run.tags[GROUP]).resume()
        run.resume()

    def epochs(self, trial: str, epochs: Sequence[Epoch]) -> None:
        """As few requests as can be with every metric of the epochs: what `outcome.Epoch.flat` names."""
        run = self._trials[trial]
        if run.epochs((epoch.number, epoch.flat()) for epoch in epochs):
            self._resume(run)

    def outcome(self, trial: str, outcome: Outcome) -> None:
        """Writes what the trial ended with, and its epochs that are not there yet, and ends its run."""
        run, content = self._trials[trial], digest(outcome.model_dump_json())
        if run.tags.get(OUTCOME) != content:
            run.epochs((epoch.number, epoch.flat()) for epoch in outcome.epochs)
            _write_confusion(run, outcome)
            ended = {STATE: outcome.state, REASON: outcome.reason, DEVICE: outcome.device}
            said = {name: value for name, value in ended.items() if value or name in run.tags}
            run.write(metrics=_metrics(outcome), tags=said | {OUTCOME: content})
        run.end(ENDS[outcome.state])

    def summary(self, group: str, metrics: Mapping[str, float]) -> None:
        """Metrics of a whole group on its run; those of "" and of the search on the study's."""
        self.run(group).write(metrics=metrics)

    def artifact(self, group: str, path: Path) -> None:
        """A file or a folder on the group's run; it replaces one of the same name."""
        self.run(group).file(path)

    def close(self, *, failed: bool) -> None:
        """Ends the study's run and those of its groups; a trial without an outcome was interrupted."""
        for run in list(self._trials.values()):  # a call that never ended may still add one
            if run.running:
                run.write(tags={STATE: INTERRUPTED})
                run.end("KILLED")
        for run in reversed(self._groups.values()):
            run.write(tags={STATE: "failed" if failed else "finished"})
            run.end("FAILED" if failed else "FINISHED")

    def _identity(self, group: str, trial: str, parent: Run | None = None) -> dict[str, str]:
        """The tags by which a run is found again, and the parent under which MLflow shows it."""
        own = {STUDY: self._study_id, GROUP: group, TRIAL: trial}
        return own | ({PARENT: parent.id} if parent else {})


def _metrics(outcome: Outcome) -> dict[str, float]:
    """What a trial ended with; the epochs' `validation.…` is another thing."""
    metrics = {"best_epoch": float(outcome.best_epoch), "seconds.total": outcome.seconds}
    for subset, scores in (("validation.best", outcome.validation), ("test", outcome.test)):
        metrics |= {f"{subset}.{name}": value for name, value in _flat(scores).items()}
    return metrics


def _flat(scores: Scores | None) -> dict[str, float]:
    return scores.flat() if scores else {}


def _write_confusion(run: Run, outcome: Outcome) -> None:
    if outcome.validation:
        run.document(document(outcome.validation), "confusion/validation.json")
    if outcome.test:
        run.document(document(outcome.test), "confusion/test.json")
        with TemporaryDirectory() as folder:
            for path in pictures(outcome.test, Path(folder)):
                run.file(path, "confusion/test")
