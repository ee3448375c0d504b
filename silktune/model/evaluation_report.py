"""An evaluation as people read it: sheets, Markdown, CSV and pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from silktune.model import calibration, calibration_figures
from silktune.model.ensemble import Ensemble
from silktune.model.evaluating import Evaluation
from silktune.outcome import MEANS, VARIABLE_FIGURES, Parts, Scores, write_whole
from silktune.safe_names import file_name
from silktune.study.bootstrap import DRAWS, Interval
from silktune.study.document import markdown
from silktune.study.document.csv_text import csv_text
from silktune.study.document.parts import Cell, Heading, Paragraph, Sheet
from silktune.study.figures.confusion_matrices import picture
from silktune.study.interval_text import share_text
from silktune.study.metric_summary import TITLES

MOST = 12  # groups in a sheet; groups.csv has all
SURE = (0.25, 0.5, 0.75)  # shares of the records, of which it is told how many are right


def sheets(found: Evaluation) -> list[Sheet]:
    """F1 and OA of every variable with intervals, and of the largest groups."""
    rows = [_row(variable.name, found.scores, found.intervals, variable.name) for variable in found.scores.variables]
    rows.append(_row("mean", found.scores, found.intervals))
    note = (
        f"In brackets, with 95 %: these networks on other records of the same kind ({DRAWS} draws of the "
        f"{found.records:,} records here, each with all its images)."
    )
    head = ("", *TITLES.values())
    result = [
        Sheet("metrics", f"{found.images:,} labelled images [%]", head, tuple(rows), (note,)),
        _calibration(found),
    ]
    if found.groups:
        shown = list(found.groups.items())[:MOST]
        groups = tuple(_row(name or "(none)", scores, {}) for name, scores in shown)
        more = len(found.groups) - len(shown)
        notes = (f"And {more:,} smaller groups.",) if more else ()
        result.append(Sheet("groups", "Means over the variables, by group [%]", head, groups, notes))
    return result


def _calibration(found: Evaluation) -> Sheet:
    """How sure the model is, and how often it is right."""
    rows = [
        (name, f"{100 * confidence.mean():.1f}", f"{100 * correct.mean():.1f}",
         f"{100 * calibration.calibration_error(confidence, correct):.1f}",
         *(f"{100 * _right(calibration.Ranked.of(confidence, correct, records), share):.1f}" for share in SURE))
        for name, (confidence, correct, records) in found.certainty.items()
    ]  # fmt: skip
    head = ("", "how sure, mean", "right", "calibration error", *(f"right of the surest {share:.0%}" for share in SURE))
    return Sheet.of_texts("calibration", "How sure, and how often right [%]", head, rows)


def _right(ranked: calibration.Ranked, share: float) -> float:
    """The precision of the surest records that are this share of all, or a little more where some are equally sure."""
    return float(ranked.precision[np.searchsorted(ranked.coverage, share * (1 - 1e-9))])


def _row(title: str, scores: Scores, intervals: Mapping[Parts, Interval], variable: str = "") -> tuple[Cell, ...]:
    metrics = scores.metrics()
    keys: list[Parts] = [(variable, name) for name in VARIABLE_FIGURES] if variable else [(name,) for name in MEANS]
    cells = [Cell(title)]
    for parts in keys:
        value, interval = metrics.get(parts), intervals.get(parts)
        number = "–" if value is None else f"{100 * value:.1f}"
        cells.append(Cell(f"{number} {share_text(interval)}" if interval else number))
    return tuple(cells)


def remarks(found: Evaluation) -> list[str]:
    """What is to be known of the figures: what was not judged and why, and what the model knew before; sentences."""
    sentences = []
    if any(found.known.values()):
        parts = " and ".join(f"{count:,} in its {subset} set" for subset, count in found.known.items() if count)
        sentences.append(
            f"The model knows images of this table: {parts}. Of those the figures are too good; evaluate it on others "
            "(what it is worth on its own test set stands in its card)."
        )
    for name, labels in found.strange.items():
        most = ", ".join(f"{label} ({count:,})" for label, count in list(labels.items())[:5])
        more = f" and {len(labels) - 5:,} more" if len(labels) > 5 else ""
        sentences.append(f"{name}: the model does not know {most}{more}; these labels are left out.")
    sentences += [f"Not read, {count:,} images: {reason}." for reason, count in found.rejected.items()]
    return sentences


def write(found: Evaluation, model: Ensemble, folder: Path) -> None:
    """evaluation.md, metrics.csv, groups.csv, how sure the model is, and for each variable its confusions."""
    tables = [part for sheet in sheets(found) for part in (Heading(sheet.title, 2), sheet)]
    said = [Paragraph.of(sentence) for sentence in remarks(found)]
    write_whole(folder / "evaluation.md", markdown.written([Heading("Evaluation", 1), *said, *tables]))
    _write_certainty(found, model, folder)
    names, rows = found.scores.names(), []
    for key, value in found.scores.metrics().items():
        interval = found.intervals.get(key)
        rows.append([names[key], value, *((interval.low, interval.high) if interval else ("", ""))])
    _csv(folder / "metrics.csv", ["metric", "value", "low", "high"], rows)
    if found.groups:
        lines = [
            [group, name, value] for group, scores in found.groups.items() for name, value in scores.flat().items()
        ]
        _csv(folder / "groups.csv", ["group", "metric", "value"], lines)
    for variable in found.scores.variables:
        stem, classes = f"confusion_{file_name(variable.name)}", [one.name for one in variable.classes]
        counts = variable.confusion.matrix()
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        for path, matrix in ((f"{stem}.csv", counts), (f"{stem}_by_class.csv", shares)):
            rows = [[name, *row.tolist()] for name, row in zip(classes, matrix, strict=True)]
            _csv(folder / path, ["true", *classes], rows)
        picture(variable, folder / f"{stem}.png")


def _write_certainty(found: Evaluation, model: Ensemble, folder: Path) -> None:
    """reliability.png and coverage.png with the validation set before and after calibration beside these images."""
    before, after = model.raw_validation, model.validation
    lines = {
        name: {
            "validation, not calibrated": calibration.labelled(before, m),
            "validation, calibrated": calibration.labelled(after, m),
            "here": found.certainty[name],
        }
        for m, name in enumerate(model.names) if name in found.certainty
    }  # fmt: skip
    calibration_figures.write(lines, folder)
    bins, steps = [], []
    for name, sets in lines.items():
        for where, certainty in sets.items():
            bins += [[name, where, *one] for one in calibration.reliability(*certainty[:2])]
            ranked = calibration.Ranked.of(*certainty)
            steps += [[name, where, *one] for one in zip(*(c.tolist() for c in (
                ranked.confidence, ranked.coverage, ranked.precision)), strict=True)]  # fmt: skip
    _csv(folder / "reliability.csv", ["variable", "set", "probability", "precision", "images"], bins)
    _csv(folder / "coverage.csv", ["variable", "set", "probability", "coverage", "precision"], steps)


def _csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    write_whole(path, csv_text([head, *([str(cell) for cell in row] for row in rows)]))
