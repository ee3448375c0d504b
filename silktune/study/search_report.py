"""What a search found, as rows for the terminal and as files: report.md, trials.csv, winner.yaml."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import yaml

from silktune.outcome import MEANS, Outcome, Parts, Scores, write_whole
from silktune.settings import Experiment, spell
from silktune.study.document import markdown as md
from silktune.study.document.csv_text import csv_text
from silktune.study.document.parts import Bullets, Code, Document, Heading, Paragraph, Part, Sheet, section
from silktune.study.metric_summary import MetricSummary, over_runs
from silktune.study.paths import StudyPaths
from silktune.study.plan import Trial, final_group
from silktune.study.selection import RULE, ranked

TITLES = {
    "mean_f1": "F1",
    "mean_f1_with_background": "F1 with background",
    "mean_f1_minority": "F1 under-represented",
    "OA": "OA",
}


@dataclass(frozen=True)
class SearchReport:
    """Everything that the end of a search says."""

    name: str
    question: str
    trials: Mapping[str, tuple[Trial, Outcome]]
    ranking: Sequence[str]
    searched: Sequence[str]  # the settings that were searched
    finals: Mapping[str, Outcome]  # the winner's test runs
    floor: float  # the test mean F1 of always naming the largest class
    importances: Mapping[str, float] = field(default_factory=dict)

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
        """Trials and final runs that failed, with their reasons."""
        outcomes = {name: outcome for name, (_, outcome) in self.trials.items()} | dict(self.finals)
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
        names = self.ranking[:most]
        trials = [self.trials[name] for name in names]
        rows = [
            ["validation mean F1 [%]", *(f"{100 * outcome.value:.1f}" for _, outcome in trials)],
            ["best epoch", *(str(outcome.best_epoch) for _, outcome in trials)],
        ]
        rows += [[name, *(_rounded(trial.experiment.flat()[name]) for trial, _ in trials)] for name in self.varied()]
        return Sheet.of_texts("leading", "Leading trials", ["", *names], rows)

    def tested(self) -> Sheet:
        """A row for the means and one for each variable: F1, with background, under-represented, OA."""
        metrics = over_runs(self.tests)
        rows = [["mean", *(self._cell(metrics, (name,)) for name in MEANS)]]
        for variable in self.tests[0].variables if self.tests else ():
            names = ((variable.name, part) for part in ("f1", "f1_with_background", "f1_minority", "OA"))
            rows.append([variable.name, *(self._cell(metrics, name) for name in names)])
        title = f"Test set, mean ± standard deviation over {len(self.tests)} runs of the winner [%]"
        sheet = Sheet.of_texts("test", title, ["", *TITLES.values()], rows)
        mean, *variables = sheet.rows
        return replace(sheet, rows=(tuple(replace(cell, bold=True) for cell in mean), *variables))

    @staticmethod
    def _cell(metrics: Mapping[Parts, MetricSummary], parts: Parts) -> str:
        return str(metrics[parts]) if parts in metrics else "–"


def override_line(experiment: Experiment) -> str:
    """An experiment as name=value for a shell, as far as it differs from the defaults."""
    default = Experiment().flat()
    words = (f"{name}={spell(value)}" for name, value in experiment.flat().items() if value != default[name])
    return shlex.join(words)


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
    heading = f"The winner of {report.name}, trial {report.winner.id}: {RULE}."
    write_whole(paths.winner, settings_yaml(report.winner.experiment, heading))
    write_whole(paths.trials_table, trials_csv(report))
    write_whole(paths.report, md.written(document(report)))


def trials_csv(report: SearchReport) -> str:
    """Every trial: state, metrics, all settings."""
    names = list(Experiment().flat())
    lines = [["trial", "state", "reason", "validation_mean_f1", "best_epoch", "epochs", "seconds", *names]]
    for name, (trial, outcome) in report.trials.items():
        value = f"{outcome.value:.6f}" if outcome.validation else ""
        settings = trial.experiment.flat()
        numbers = [value, str(outcome.best_epoch), str(outcome.trained), f"{outcome.seconds:.1f}"]
        lines.append([name, outcome.state, outcome.reason, *numbers, *(spell(settings[s]) for s in names)])
    return csv_text(lines)


def document(report: SearchReport) -> Document:
    """The report for people, and for MLflow's artifacts."""
    winner, leading, tested = report.winner, report.leading(10), report.tested()
    parts: list[Part] = [Heading(report.name, 1), Paragraph.of(report.question)]
    parts += section(leading.title, Paragraph.of(f"Ranked by {RULE}."), leading)
    parts += section("The winner", Paragraph.of(f"Trial {winner.id}:"), Code(override_line(winner.experiment)))
    floor = Paragraph.of(f"Always naming the largest class: mean F1 {100 * report.floor:.1f}.")
    parts += section(tested.title, tested, floor)
    if report.importances:
        shares = [[name, f"{share:.2f}"] for name, share in report.importances.items()]
        title = "Importance of the settings (fANOVA)"
        parts += section(title, Sheet.of_texts("importances", title, ["setting", "share"], shares))
    if failures := report.failures():
        parts += section("Trials that failed", Bullets(tuple(failures)))
    return parts
