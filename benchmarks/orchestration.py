"""What a study adds to its trials: a search whose trials do next to nothing, against the seconds of their trainings.

On the local executor and on a Ray, one trial at a time: what is added is not hidden behind another trial. Prints a
table and one line of JSON.
"""

from __future__ import annotations

import argparse
import functools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SPACE = """
question: What does a study add to trials that do next to nothing?
set:
  data.image_size: 32
  net.trunk: resnet18
  net.weights: none
  net.NB_RN: 0
  net.NN_jfc: [16]
  net.NN_tfc: []
  train.batch_size: 48
  train.max_epochs: 1
  train.patience: 1
search:
  train.learning_rate: {low: 1.0e-4, high: 1.0e-2, log: true}
  loss.gamma: {low: 0.0, high: 4.0}
"""
IMAGES = 120
LIMIT = 1800  # seconds for one executor
COLUMNS = {
    "trial": "s a training", "added": "s a trial added", "driver_cpu": "driver's thread, ms CPU a trial",
    "before": "s before the first trial", "after": "s after the last",
}  # fmt: skip


@dataclass
class Measured:
    """Seconds of one search; CPU time in milliseconds."""

    executor: str
    trials: int
    trial: float
    added: float
    driver_cpu: float
    before: float
    after: float


@dataclass
class Part:
    """A part of the search: when it began, its seconds, and the CPU seconds of its thread in it."""

    began: float
    seconds: float
    thread: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.orchestration", description=__doc__)
    parser.add_argument("--trials", type=int, default=100, help="(100)")
    parser.add_argument("--executors", nargs="+", default=["local", "ray"], help="(local ray)")
    parser.add_argument("--one", help=argparse.SUPPRESS)  # the folder of one executor's process
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(asdict(measure(Path(asked.one), asked.executors[0], asked.trials))))
        return
    found = [_in_a_process(executor, asked.trials) for executor in asked.executors]
    print(_table(found))
    print(json.dumps(found))


def _in_a_process(executor: str, trials: int) -> dict[str, Any]:
    """Measure one executor in a process of its own: what one has imported another one would not have to."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        words = ["--one", folder, "--trials", str(trials), "--executors", executor]
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.orchestration", *words],
            stdout=subprocess.PIPE, text=True, encoding="utf-8", timeout=LIMIT, check=True,
        )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(folder: Path, executor: str, trials: int) -> Measured:
    """A search in `folder`."""
    import silktune
    from silktune.data.open_or_prepare import open_or_prepare
    from silktune.data.sample_data import collection
    from silktune.orchestrate.executors.local import LocalExecutor
    from silktune.study import space_file

    (folder / "space.yaml").write_text(SPACE, encoding="utf-8")
    space = space_file.load(str(folder / "space.yaml"), {})
    data = open_or_prepare(collection.weave(folder / "woven", IMAGES, 0), None, space.base.data, folder / "data")
    runs, trainings = folder / "runs.jsonl", folder / "trainings.jsonl"
    if executor == "local":
        from silktune.orchestrate.executors import local

        _time(LocalExecutor, "run", runs)
        _time(local, "train", trainings)
    else:
        from silktune.orchestrate.executors.ray import RayExecutor, trainable

        _time(RayExecutor, "run", runs)
        trainable.run = _in_worker(trainable.run, str(trainings))
    began = time.perf_counter()
    silktune.search(
        data.folder, space, trials=trials, confirm=0, final_runs=1, sampler="random", executor=executor, device="cpu",
        root=folder / "runs",
    )  # fmt: skip
    ended = time.perf_counter()
    searched, trained = _parts(runs)[0], _parts(trainings)[:trials]
    own = sum(part.seconds for part in trained)
    here = sum(part.thread for part in trained) if executor == "local" else 0.0  # the driver's thread trains too
    return Measured(
        executor=executor, trials=trials, trial=own / trials, added=(searched.seconds - own) / trials,
        driver_cpu=1000 * (searched.thread - here) / trials,
        before=searched.began - began, after=ended - searched.began - searched.seconds,
    )  # fmt: skip


def _in_worker(run: Callable[..., None], file: str) -> Callable[[dict[str, Any]], None]:
    """Ray Tune's trainable, in whose process trainings are timed."""

    def timed(config: dict[str, Any]) -> None:  # by no other name: under Tune's it would be sent as the function there
        from silktune.orchestrate.executors.ray import trainable

        if not hasattr(trainable.train, "__wrapped__"):
            _time(trainable, "train", Path(file))
        run(config)

    vars(timed).update(vars(run))
    return timed


def _time(owner: Any, name: str, file: Path) -> None:
    """Add a line to a file for each call."""
    call: Callable[..., Any] = getattr(owner, name)

    @functools.wraps(call)
    def timed(*words: Any, **named: Any) -> Any:
        began, thread = time.perf_counter(), time.thread_time()
        try:
            return call(*words, **named)
        finally:
            part = Part(began, time.perf_counter() - began, time.thread_time() - thread)
            with file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(asdict(part)) + "\n")

    setattr(owner, name, timed)


def _parts(file: Path) -> list[Part]:
    return [Part(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]


def _table(found: list[dict[str, Any]]) -> str:
    lines = ["| executor | " + " | ".join(COLUMNS.values()) + " |", "|---|" + "---:|" * len(COLUMNS)]
    for row in found:
        values = (f"{row[name]:.0f}" if name.endswith("cpu") else f"{row[name]:.2f}" for name in COLUMNS)
        lines.append(f"| {row['executor']}, {row['trials']} trials | " + " | ".join(values) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
