"""The files of an ablation: `table.json`, what it compares; tables and figures, made from that and the outcomes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from silktune.errors import SettingsError, StudyError, nearest
from silktune.outcome import write_whole
from silktune.settings.identity import first_complaint
from silktune.study import plan, resampled_runs
from silktune.study.ablation.results import Results
from silktune.study.ablation.table_model import Table
from silktune.study.baselines import Baselines
from silktune.study.data_facts import Facts
from silktune.study.document import markdown
from silktune.study.paths import StudyPaths
from silktune.study.table import ablation_document, ablation_sheets, csv_tables

TABLES = ("table.md", "table.tex", "metrics.csv", "comparisons.csv", "intervals.csv", "runs.csv")


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid")

    table: Table
    facts: Facts


def keep(table: Table, facts: Facts, paths: StudyPaths) -> None:
    """Write down what the study compares, from which `results` makes the tables again."""
    write_whole(paths.table, _Kept(table=table, facts=facts).model_dump_json(indent=1))


def check_plan(table: Table, paths: StudyPaths) -> None:
    """Refuse to go on with runs that were planned otherwise, where rows stop when they are decided.

    Raises:
        StudyError: its number of runs, or what is compared how, is not what was said before the first run.
    """
    if not paths.table.exists():
        return
    before = results(paths).table
    if not (before.at_most or table.at_most) or _plan(before) == _plan(table):
        return
    raise StudyError(
        f"{paths.folder} was begun {_planned(before)}; now it is asked for {_planned(table)}. Who changes that after "
        "the first runs finds differences that are not there. Ask for what was planned, or give another --name."
    )


def _plan(table: Table) -> tuple[int | None, str, str, str]:
    return table.at_most, table.reference, table.metric, table.test


def _planned(table: Table) -> str:
    how = f"--until-decided --at-most {table.at_most}" if table.at_most else "a fixed number of runs"
    return f"with {how}, {table.metric} against {table.reference} by the {table.test} test"


def results(paths: StudyPaths, reference: str = "") -> Results:
    """What a study's outcomes say.

    Args:
        paths: the study's.
        reference: the line to compare with; "" is the table's own.

    Raises:
        StudyError: it is no ablation, one of another version, or has no such line.
    """
    try:
        kept = _Kept.model_validate_json(paths.table.read_bytes())
    except FileNotFoundError:
        raise StudyError(
            f"{paths.folder} is no study of silktune ablate: it has no {paths.table.name}. "
            f"Give the folder of one, as `silktune ablate` prints it."
        ) from None
    except (ValidationError, SettingsError) as error:
        if paths.plan.exists():
            plan.read(paths)  # says so where the whole study is of another version
        raise StudyError(
            f"{paths.table} is none of this version of silktune ({first_complaint(error)}). "
            "The same `silktune ablate` writes it again."
        ) from error
    table = compared_with(kept.table, reference) if reference else kept.table
    resample = partial(resampled_runs.resampled, paths=paths, data=kept.facts.digest)
    return Results(table, kept.facts, dict(paths.outcomes()), resample, Baselines.read(paths.baselines))


def compared_with(table: Table, reference: str) -> Table:
    """The table with another reference line.

    Raises:
        StudyError: it has no such line.
    """
    if reference not in table.lines:
        near = nearest(reference, table.lines)
        raise StudyError(f"--reference {reference}: the table {table.name} has no such row.{near}")
    if table.at_most and reference != table.reference:
        raise StudyError(
            f"--reference {reference}: the rows of {table.name} were stopped by their difference from "
            f"{table.reference}, so they are compared with no other row."
        )
    return table.model_copy(update={"reference": reference})


def publish(found: Results, paths: StudyPaths, *, figures: bool) -> None:
    """Write the tables, and the figures if they are wanted (they take seconds)."""
    sheets = ablation_sheets.sheets(found)
    texts = (
        markdown.written(ablation_document.document(found, sheets)),
        ablation_document.latex(found, sheets),
        csv_tables.metrics_csv(found), csv_tables.comparisons_csv(found), csv_tables.intervals_csv(found),
        csv_tables.runs_csv(found),
    )  # fmt: skip
    for name, text in zip(TABLES, texts, strict=True):
        write_whole(paths.folder / name, text)
    if figures:
        from silktune.study.figures import ablation_figures

        ablation_figures.write(found, paths.figures)


def files(paths: StudyPaths) -> list[Path]:
    """Everything that was published."""
    return [path for path in (*(paths.folder / name for name in TABLES), paths.figures) if path.exists()]
