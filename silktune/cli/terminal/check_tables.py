"""What people see of a check of a data set: a minute's reading; the rest is in its files."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from silktune.cli.terminal.tables import notes, percent, plain_table

if TYPE_CHECKING:
    from silktune.data.check.findings import Report

MOST = 8  # of each list


def check(console: Console, report: Report) -> None:
    """All parts of a report, the longest lists cut."""
    from silktune.study.data_check import sentences

    head = f"{report.images:,} images of {report.records:,} records; {', '.join(report.variables)}"
    console.print(Text(report.name, "bold").append(f": {head}", "not bold"))
    notes(console, report.missing)
    _findings(console, report)
    _section(console, "Images")
    for text in [*sentences.about_images(report)] or ["All can be read."]:
        console.print(text, markup=False)
    _section(console, "Copies")
    console.print(sentences.about_pairs(report), markup=False)
    _pairs(console, report)
    if report.judged:
        _section(console, "Labels that look wrong")
        console.print(sentences.about_labels(report), markup=False)
        _labels(console, report)
    if report.named:
        _section(console, "Shortcuts")
        console.print(sentences.about_shortcut(report), markup=False)
        _named(console, report)
    if report.never:
        _section(console, "Classes that never occur together, though chance would have records with both")
        for pair in report.never[:MOST]:
            pairs = f"{pair.variable} {pair.label}, {pair.other_variable} {pair.other_label}"
            console.print(f"{pairs}: by chance {pair.expected:.1f} records", markup=False)
        _more(console, len(report.never))


def _section(console: Console, title: str) -> None:
    console.print(f"\n{title}", style="bold", markup=False)


def _more(console: Console, count: int) -> None:
    if count > MOST:
        console.print(f"and {count - MOST:,} more", style="dim")


def _findings(console: Console, report: Report) -> None:
    _section(console, "Table")
    seen = Counter[str]()
    for finding in report.findings:
        seen[finding.kind] += 1
        if seen[finding.kind] <= MOST:
            console.print(Text(f"{finding.kind}: ", "yellow").append(finding.text, "not bold default"))
    for kind, count in seen.items():
        if count > MOST:
            console.print(f"{kind}: {count - MOST:,} more", style="dim")
    if not report.findings:
        console.print("Nothing was found.")


def _pairs(console: Console, report: Report) -> None:
    if not report.pairs:
        return
    table = plain_table("", "", "subsets", "alike")
    table.columns[1].justify = "left"
    for pair in report.pairs[:MOST]:
        subsets = " / ".join(subset or "–" for subset in dict.fromkeys(pair.subsets))
        table.add_row(Text(pair.first), Text(pair.second), subsets, f"{pair.correlation:.3f}")
    console.print(table)
    _more(console, len(report.pairs))


def _labels(console: Console, report: Report) -> None:
    if not report.labels:
        return
    table = plain_table("image", "variable", "label", "%", "rather", "%")
    for column in (1, 2, 4):
        table.columns[column].justify = "left"
    for label in report.labels[:MOST]:
        given, rather = percent(label.p_given), percent(label.p_proposed)
        table.add_row(*map(Text, (label.image, label.variable, label.given, given, label.proposed, rather)))
    console.print(table)
    _more(console, len(report.labels))


def _named(console: Console, report: Report) -> None:
    alone = f"{report.group} alone"
    table = plain_table("told [%]", "classes", "by chance", "from features", "in other groups", Text(alone))
    for named in report.named:
        shares = map(percent, (named.chance, named.features, named.apart, named.group))
        table.add_row(Text(named.column), str(named.classes), *shares)
    console.print(table)
