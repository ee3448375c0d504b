"""A report as JSON, CSV and HTML. The HTML stands alone: its pictures are in it."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Callable, Iterator
from importlib.resources import files as resources

from silktune.data.check.findings import NearDuplicate, Report
from silktune.study.data_check import sentences
from silktune.study.document.csv_text import csv_text

PICTURES = 60  # pairs, and as many suspicious labels, that are shown with pictures; all are in the tables

Thumbnail = Callable[[str], bytes]  # image → a small JPEG


def files(report: Report, thumbnail: Thumbnail) -> dict[str, str]:
    """Name → text of each file."""
    return {
        "check.json": json.dumps(dataclasses.asdict(report), indent=1, ensure_ascii=False, default=list) + "\n",
        "pairs.csv": csv_text(_pairs(report)),
        "labels.csv": csv_text(_labels(report)),
        "check.html": html(report, thumbnail),
    }


def html(report: Report, thumbnail: Thumbnail) -> str:
    """One page; what the table says is escaped."""
    from jinja2 import Environment, StrictUndefined

    template = resources(__package__).joinpath("check.html.jinja").read_text(encoding="utf-8")
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    picture = {name: _data_uri(thumbnail(name)) for name in _shown(report)}
    return page.from_string(template).render(
        report=report, pictures=PICTURES, picture=picture, sentences=sentences, differing=differing
    )


def differing(pair: NearDuplicate) -> str:
    """The labels in which two images of one picture differ: 'place FR / IT'."""
    return "; ".join(f"{name} {first} / {second}" for name, (first, second) in pair.differing.items())


def _shown(report: Report) -> Iterator[str]:
    for pair in report.pairs[:PICTURES]:
        yield from (pair.first, pair.second)
    yield from (label.image for label in report.labels[:PICTURES])


def _data_uri(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}"


def _pairs(report: Report) -> Iterator[list[str]]:
    yield [
        "first",
        "second",
        "correlation",
        "first_record",
        "second_record",
        "first_subset",
        "second_subset",
        "differing",
    ]
    for pair in report.pairs:
        yield [pair.first, pair.second, f"{pair.correlation:.4f}", *pair.records, *pair.subsets, differing(pair)]


def _labels(report: Report) -> Iterator[list[str]]:
    yield ["image", "record", "variable", "given", "proposed", "p_given", "p_proposed"]
    for label in report.labels:
        texts = [label.image, label.record, label.variable, label.given, label.proposed]
        yield [*texts, f"{label.p_given:.4f}", f"{label.p_proposed:.4f}"]
