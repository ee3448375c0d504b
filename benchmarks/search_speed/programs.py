"""The two programs on the same order, and what each took and found."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import silktune
from benchmarks.search_speed.measured import run

PLAIN = Path(__file__).with_name("plain.py")


@dataclass(frozen=True)
class Order:
    """What both programs are to do."""

    space: Path
    table: Path
    images: Path
    weights: Path
    concurrent: int

    @property
    def content(self) -> dict[str, Any]:
        """Of the space's file."""
        read: dict[str, Any] = yaml.safe_load(self.space.read_text(encoding="utf-8"))
        return read

    @property
    def trials(self) -> int:
        """Points of the grid."""
        count = 1
        for entry in self.content["search"].values():
            count *= len(entry["choices"])
        return count


@dataclass(frozen=True)
class Result:
    """What a program took for all trials, and what it found."""

    seconds: float  # by the clock
    cpu: float  # seconds of all its processes
    seconds_in_trials: float  # of all trials together
    trained: int  # trials; the others are taken to cost as much each
    f1: dict[str, float]  # point → validation mean F1 of the trial that was trained
    test_f1: float  # of the winner's other run

    def mean_f1(self, points: Iterable[str]) -> float:
        """Of the trials at these points."""
        values = [self.f1[point] for point in points]
        return sum(values) / len(values)


def plain(order: Order, folder: Path, trials: int | None) -> Result:
    """Run the plain script on the first so many trials, or on all."""
    folder.mkdir()
    out = folder / "results.json"
    words = ["--table", order.table, "--images", order.images, "--weights", order.weights, "--out", out]
    words += ["--concurrent", order.concurrent, *(["--trials", trials] if trials else [])]
    cost = run([sys.executable, PLAIN, order.space, *words], folder / "log")
    found = json.loads(out.read_text(encoding="utf-8"))
    ran = found["trials"]
    seconds, cpu = (sum(trial[name] for trial in ran) for name in ("seconds", "cpu"))
    more = order.trials / len(ran) - 1
    return Result(
        cost.wall + more * seconds / order.concurrent, cost.cpu + more * cpu, seconds * (1 + more), len(ran),
        {_point(trial["point"]): trial["f1"] for trial in ran}, found["test"],
    )  # fmt: skip


def ours(order: Order, folder: Path) -> Result:
    """Run silktune's search."""
    folder.mkdir()
    words = ["--data", order.table, "--images", order.images, "--root", folder, "--name", "study", "--device", "cpu"]
    words += ["--sampler", "grid", "--concurrent", order.concurrent]
    words += ["--confirm", 0, "--final-runs", 1, f"net.weights={order.weights}"]
    cost = run([sys.executable, "-m", "silktune", "search", order.space, *words], folder / "log")
    study = silktune.open_study(folder / "study")
    trials, varied = study.trials.to_dict("records"), order.content["search"]
    f1 = {_point({name: trial[name] for name in varied}): trial["value"] for trial in trials}
    seconds = sum(trial["seconds"] for trial in trials)
    return Result(cost.wall, cost.cpu, seconds, len(trials), f1, float(study.test["mean_f1"].mean()))


def _point(values: dict[str, Any]) -> str:
    """A point of the grid, as a key."""
    return json.dumps(values, sort_keys=True)
