"""What a search found, as rows for the terminal and as files: report.md, trials.csv, winner.yaml."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import yaml

from silktune.outcome import MEANS, Outcome, Parts, Scores, write_whole
from silktune.settings import Experiment, spell
from silktune.study import rare_classes, resampled_runs
from silktune.study.baselines import Baselines
from silktune.study.bootstrap import Uncertainty
from silktune.study.document import markdown as md
from silktune.study.document.csv_text import csv_text
from silktune.study.document.parts import Bullets, Code, Document, Heading, Paragraph, Part, Sheet, section
from silktune.study.importances import Importances
from silktune.study.interval_text import MISSING, NO_PREDICTIONS, explained, sentence, share_text
from silktune.study.metric_summary import TITLES, MetricSummary, over_runs
from silktune.study.paths import StudyPaths
from silktune.study.plan import Trial, confirm_group, final_group
from silktune.study.resampled_runs import NOTHING, Resampled
from silktune.study.selection import RUNS, Choice, Confirmation, ranked


@dataclass(frozen=True)
class SearchReport:
    """Everything that the end of a search says."""

    name: str
    question: str
    trials: Mapping[str, tuple[Trial, Outcome]]
    choice: Choice
    searched: Sequence[str]  # the settings that were searched
    finals: Mapping[str, Outcome]  # the winner's test runs
    baselines: Baselines  # on the same test images
    importances: Importances | None = None  # None: too few trials to tell
    resampled: Resampled = NOTHING  # the winner's test runs on test sets drawn anew
    fresh: Mapping[str, Outcome] = field(default_factory=dict)  # the runs that confirm leading trials

    @property
    def ranking(self) -> Sequence[str]:
        """The trials that finished, the winner first."""
        return self.choice.ranking

    @property
    def winner(self) -> Trial:
        return self.trials[self.ranking[0]][0]

    @property
    def tests(self) -> list[Scores]:
        return [outcome.test for outcome in self.finals.values() if outcome.test]

    def metrics(self) -> dict[str, MetricSummary]:
        """Every test metric over the final runs, under its name in a record."""
        return {self.tests[0].names()[parts]: metric for parts, metric in over_runs(self.tests).items()}

    def failures(self) -> list[str]:
        """Trials and other runs that failed, with their reasons."""
        outcomes = {name: outcome for name, (_, outcome) in self.trials.items()} | {**self.fresh, **self.finals}
        return [f"{name}: {outcome.reason}" for name, outcome in outcomes.items() if outcome.state == "failed"]

    def best_final(self) -> str | None:
        """The final run whose validation mean F1 is largest: its network is the one to keep."""
        order = ranked(self.finals)
        return order[0] if order else None

    @property
    def final_group(self) -> str:
        return final_group(self.winner)

    def varied(self) -> list[str]:
        """The settings that differ between trials."""
        values = [trial.experiment.flat() for trial, _ in self.trials.values()]
        return [name for name in self.searched if any(v[name] != values[0][name] for v in values)]

    def leading(self, most: int) -> Sheet:
        """The leading trials as columns: their validation mean F1 in %, best epoch, and the settings that vary."""
        names, confirmed = self.ranking[:most], self.choice.confirmed
        trials = [self.trials[name] for name in names]
        rows = [["validation mean F1 [%]", *(f"{100 * outcome.value:.1f}" for _, outcome in trials)]]
        if confirmed:
            found = [confirmed.get(name) for name in names]
            rows.append([f"in {RUNS} fresh runs [%]", *(_fresh(one) if one else "–" for one in found)])
            rows.append(["shrinkage [points]", *(f"{100 * one.shrinkage:.1f}" if one else "–" for one in found)])
        rows.append(["best epoch", *(str(outcome.best_epoch) for _, outcome in trials)])
        rows += [[name, *(_rounded(trial.experiment.flat()[name]) for trial, _ in trials)] for name in self.varied()]
        return Sheet.of_texts("leading", "Leading trials", ["", *names], rows)

    def tested(self) -> Sheet:
        """A row for the means and one for each variable: F1, with background, under-represented, OA."""
        metrics, sure = over_runs(self.tests), self._uncertainties
        rows = [["mean", *(self._cell(metrics, (name,)) for name in MEANS)]]
        for variable in self.tests[0].variables if self.tests else ():
            names = ((variable.name, part) for part in ("f1", "f1_with_background", "f1_minority", "OA"))
            rows.append([variable.name, *(self._cell(metrics, name) for name in names)])
        if sure:
            for row, parts in zip(rows, [("mean_f1",), *((row[0], "f1") for row in rows[1:])], strict=True):
                row.append(share_text(sure[parts].both if parts in sure else None))
        title = f"Test set, mean ± standard deviation over {len(self.tests)} runs of the winner [%]"
        sheet = Sheet.of_texts("test", title, ["", *TITLES.values(), *["F1 over both"] * bool(sure)], rows)
        mean, *variables = sheet.rows
        return replace(sheet, rows=(tuple(replace(cell, bold=True) for cell in mean), *variables))

    @cached_property
    def _uncertainties(self) -> Mapping[Parts, Uncertainty]:
        """Of the means over the winner's test runs."""
        tests = {name: outcome.test for name, outcome in self.finals.items() if outcome.test}
        return resampled_runs.of_mean(tests, self.resampled)

    def sureness(self) -> tuple[str, ...]:
        """How sure the winner's test mean F1 is, in sentences; what is not known of runs without predictions."""
        if found := self._uncertainties.get(("mean_f1",)):
            missing = not all(one.both for parts, one in self._uncertainties.items() if parts[-1] == "f1")
            return (sentence("Mean F1", found), explained(self.resampled.records), *[MISSING] * missing)
        return (NO_PREDICTIONS,) * bool(self.tests)

    def on_rare_classes(self) -> tuple[str, ...]:
        """How the winner does on them, in sentences."""
        return rare_classes.sentences(self.tests, self._validations())

    def _validations(self) -> dict[str, list[Scores]]:
        """What each trial reached in the runs that the winner is chosen by, the winner first."""
        if not self.choice.confirmed:
            return {name: [scores] for name in self.ranking if (scores := self.trials[name][1].validation)}
        finished = {run: outcome.validation for run, outcome in self.fresh.items() if outcome.state == "finished"}
        return {
            name: [
                scores for run, scores in finished.items() if scores and run.startswith(f"{confirm_group(name)}-run")
            ]
            for name in self.choice.confirmed
        }

    @staticmethod
    def _cell(metrics: Mapping[Parts, MetricSummary], parts: Parts) -> str:
        return str(metrics[parts]) if parts in metrics else "–"


def override_line(experiment: Experiment) -> str:
    """An experiment as name=value for a shell, as far as it differs from the defaults."""
    default = Experiment().flat()
    words = (f"{name}={spell(value)}" for name, value in experiment.flat().items() if value != default[name])
    return shlex.join(words)


def _fresh(confirmation: Confirmation) -> str:
    """Mean ± deviation; how many runs these are where some failed."""
    fresh = confirmation.fresh
    return f"{fresh}{'' if fresh.n == RUNS else f' (n = {fresh.n})'}"


def _rounded(value: object) -> str:
    """A value beside others, to be compared at a glance: four digits of a number that has more."""
    return f"{value:.4g}" if isinstance(value, float) else spell(value)


def settings_yaml(experiment: Experiment, heading: str) -> str:
    """A file of all settings that `silktune train` and the ablation tables accept."""
    values = {name: list(v) if isinstance(v, tuple) else v for name, v in experiment.flat().items()}
    comment = "".join(f"# {line}\n" for line in heading.splitlines())
    return comment + yaml.safe_dump({"set": values}, sort_keys=False, allow_unicode=True)


def write(report: SearchReport, paths: StudyPaths) -> None:
    """report.md, trials.csv and winner.yaml, each whole or not at all."""
    heading = f"The winner of {report.name}, trial {report.winner.id}: {report.choice.rule}."
    write_whole(paths.winner, settings_yaml(report.winner.experiment, heading))
    write_whole(paths.trials_table, trials_csv(report))
    write_whole(paths.report, md.written(document(report)))


def trials_csv(report: SearchReport) -> str:
    """Every trial: state, metrics, all settings."""
    names = list(Experiment().flat())
    measured = ["validation_mean_f1", "confirmed_mean_f1", "best_epoch", "epochs", "seconds"]
    lines = [["trial", "state", "reason", *measured, *names]]
    for name, (trial, outcome) in report.trials.items():
        value = f"{outcome.value:.6f}" if outcome.validation else ""
        settings = trial.experiment.flat()
        confirmed = f"{found.fresh.mean:.6f}" if (found := report.choice.confirmed.get(name)) else ""
        numbers = [value, confirmed, str(outcome.best_epoch), str(outcome.trained), f"{outcome.seconds:.1f}"]
        lines.append([name, outcome.state, outcome.reason, *numbers, *(spell(settings[s]) for s in names)])
    return csv_text(lines)


def document(report: SearchReport) -> Document:
    """The report for people, and for MLflow's artifacts."""
    winner, leading, tested = report.winner, report.leading(10), report.tested()
    parts: list[Part] = [Heading(report.name, 1), Paragraph.of(report.question)]
    parts += section(leading.title, Paragraph.of(f"Ranked by {report.choice.rule}."), leading)
    parts += [Paragraph.of(sentence) for sentence in report.choice.sentences()]
    parts += section("The winner", Paragraph.of(f"Trial {winner.id}:"), Code(override_line(winner.experiment)))
    parts += section(tested.title, tested, *map(Paragraph.of, report.sureness()))
    without = report.baselines.sheet()
    parts += section(without.title, without)
    if remarks := report.on_rare_classes():
        parts += section("Rare classes", Bullets(remarks))
    if found := report.importances:
        title = "Importance of the settings (fANOVA)"
        parts += section(title, Paragraph.of(f"For {found.measured}."), found.sheet(title))
    if failures := report.failures():
        parts += section("Trials that failed", Bullets(tuple(failures)))
    return parts
