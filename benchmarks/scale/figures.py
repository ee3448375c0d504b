"""What a simulation showed, from what its processes noted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.scale.driver import DRIVER, LOG, STUDY, Size
from silktune.study.paths import StudyPaths

MB = 2**20
IDLE, ONCE = "waiting for a report", ("start: ", "end: ")
Row = tuple[str, str]


@dataclass(frozen=True)
class Stay:
    """A trial in a worker, as that noted it."""

    trial: str
    process: int
    begun: float
    ended: float | None  # None: its driver was killed
    epochs: int


def table(folder: Path, size: Size, memory: float) -> str:
    """All figures, as Markdown.

    Args:
        folder: of the simulation.
        size: what was simulated.
        memory: bytes that it needed at most.
    """
    stays = list(_stays(folder / LOG))
    drivers = [_lines(folder / DRIVER.format(start)) for start in (1, 2) if (folder / DRIVER.format(start)).exists()]
    rows = [*_whole(stays, drivers, size, memory), *_trials(stays, size), *_driver(drivers), *_disk(folder)]
    if len(drivers) > 1:
        rows += _continued(stays, drivers, size)
    rows += _truth(folder, stays)
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {figure} |" for name, figure in rows)])


def _lines(file: Path) -> list[dict[str, Any]]:
    """What a driver noted; the last line of one that was killed may be torn."""
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _stays(file: Path) -> Iterator[Stay]:
    open_: dict[tuple[str, int], float] = {}
    for line in _lines(file):
        key = (line["trial"], line["process"])
        if line["what"] == "begun":
            open_[key] = line["at"]
        else:
            yield Stay(*key, open_.pop(key), line["at"], line["epochs"])
    yield from (Stay(*key, begun, None, 0) for key, begun in open_.items())


def _whole(stays: list[Stay], drivers: list[list[dict[str, Any]]], size: Size, memory: float) -> Iterator[Row]:
    epochs = sum(stay.epochs for stay in stays)
    seconds = sum(lines[-1]["at"] - lines[0]["marks"]["start"] for lines in drivers)
    ideal = epochs * size.seconds / size.epochs / size.nodes
    yield "nodes; trials at once", f"{size.nodes}; {size.nodes}"
    yield "trials; epochs reported", f"{size.trials}; {epochs}"
    yield "a whole trial", f"{size.epochs} epochs, {size.seconds:g} s"
    yield "MLflow", "SQLite" if size.mlflow else "none"
    yield "all drivers, from start to end", f"{seconds:.0f} s"
    yield "of it slept, by every node", f"{ideal:.0f} s"
    yield "memory of all of it", f"{memory / 2**30:.1f} GiB"


def _trials(stays: list[Stay], size: Size) -> Iterator[Row]:
    """What a trial waits for, as its node sees it."""
    whole = [stay for stay in stays if stay.ended is not None]
    reports = mean((stay.ended or 0.0) - stay.begun - stay.epochs * size.seconds / size.epochs for stay in whole)
    gaps = list(_gaps(whole))
    between = mean(gaps) if gaps else 0.0
    yield "**added to a trial, as its node sees it**", f"**{reports + between:.2f} s**"
    yield "– its reports wait for the driver", f"{reports:.2f} s"
    yield "– between it and the next one", f"{between:.2f} s"


def _gaps(stays: list[Stay]) -> Iterator[float]:
    last: dict[int, float] = {}
    for stay in sorted(stays, key=lambda stay: stay.begun):
        if stay.process in last:
            yield stay.begun - last[stay.process]
        last[stay.process] = stay.ended or stay.begun


def _driver(drivers: list[list[dict[str, Any]]]) -> Iterator[Row]:
    """Where the time of the driver's only thread goes, per trial, and its memory."""
    seconds, calls = _sum(drivers, "seconds"), _sum(drivers, "calls")
    parts = {name: value for name, value in seconds.items() if name != IDLE and not name.startswith(ONCE)}
    trials = calls["Optuna: outcomes"]
    busy = sum(parts.values())
    yield "**busy for a trial: the driver's only thread**", f"**{1000 * busy / trials:.0f} ms**"
    yield "– so trials in an hour, at most", f"{3600 * trials / busy:,.0f}"
    yield "– so trials at once, at most, with epochs of a minute", f"{60 * calls['Optuna: epochs'] / busy:,.0f}"
    for name, value in sorted(parts.items(), key=lambda item: -item[1]):
        yield f"– {name}", f"{1000 * value / trials:.1f} ms ({100 * value / busy:.0f} %)"
    yield from ((f"once, at the {name}", f"{value:.1f} s") for name, value in seconds.items() if name.startswith(ONCE))
    for number, lines in enumerate(drivers, 1):
        yield f"memory of driver {number}", _memory(lines)


def _memory(lines: list[dict[str, Any]]) -> str:
    """At the first trial, and at the end."""
    first = next(line for line in lines if "first trial" in line["marks"])["memory"] / MB
    last, trials = lines[-1]["memory"] / MB, lines[-1]["calls"]["Optuna: outcomes"]
    return f"{first:.0f} → {last:.0f} MB, {1000 * (last - first) / trials:.0f} kB a trial"


def _sum(drivers: list[list[dict[str, Any]]], what: str) -> Mapping[str, float]:
    total: Counter[str] = Counter()
    for lines in drivers:
        total.update(lines[-1][what])
    return total


def _disk(folder: Path) -> Iterator[Row]:
    study = sum(file.stat().st_size for file in (folder / STUDY).rglob("*") if file.is_file())
    journal = StudyPaths(folder / STUDY).journal.stat().st_size
    yield "the study's folder; of it Optuna's journal", f"{study / MB:.1f} MB; {journal / MB:.1f} MB"
    if (folder / "mlflow.db").exists():
        yield "MLflow's database", f"{(folder / 'mlflow.db').stat().st_size / MB:.1f} MB"


def _continued(stays: list[Stay], drivers: list[list[dict[str, Any]]], size: Size) -> Iterator[Row]:
    """How long it takes until all goes on after the kill."""
    marks = drivers[1][-1]["marks"]
    begun = sorted(stay.begun for stay in stays if stay.begun > marks["start"])
    yield "after the kill: start → first trial handed out", f"{marks['first trial'] - marks['start']:.1f} s"
    yield "– → first trial begun on a node", f"{begun[0] - marks['start']:.1f} s"
    yield "– → all nodes busy", f"{begun[min(size.nodes, len(begun)) - 1] - marks['start']:.1f} s"
    first = sorted(stay.begun for stay in stays)
    start = drivers[0][-1]["marks"]["start"]
    yield "in comparison, the very first start → all nodes busy", f"{first[size.nodes - 1] - start:.1f} s"


def _truth(folder: Path, stays: list[Stay]) -> Iterator[Row]:
    """Whether everything was run, and nothing twice."""
    outcomes = StudyPaths(folder / STUDY).outcomes()
    states = Counter(outcome.state for name, outcome in outcomes.items() if name.startswith("t"))
    ended = Counter(stay.trial for stay in stays if stay.ended is not None)
    yield "outcomes of trials", f"{sum(states.values())}: " + ", ".join(f"{n} {state}" for state, n in states.items())
    yield "interrupted by the kill, and begun again", str(sum(stay.ended is None for stay in stays))
    yield "ended, and run again", str(sum(count > 1 for count in ended.values()))
