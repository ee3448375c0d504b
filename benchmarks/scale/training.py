"""A training that sleeps: it reports epochs as large as real ones, and ends with an outcome. It needs no torch."""

from __future__ import annotations

import json
import math
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from silktune.orchestrate.executors.job import Job
from silktune.outcome import Epoch, Outcome, Scores
from silktune.settings import Experiment

TERMS = ("L", "C", "aux", "sem", "co", "slf")


@dataclass(frozen=True)
class Sleep:
    """What every trial does."""

    epochs: int
    seconds: float  # of all of them
    scores: Scores  # as large as those of a data set
    log: Path  # where a trial notes when it began and when it ended, as its worker sees it
    keys: tuple[str, str, str]  # under which a trial is named, and reports an epoch and its outcome


def sleeping(sleep: Sleep) -> Callable[[dict[str, Any]], None]:
    """Ray Tune's function trainable in place of `executors.ray.trainable.run`."""
    trial, an_epoch, an_outcome = sleep.keys

    def run(config: dict[str, Any]) -> None:
        from ray import tune

        name, job = config[trial], Job.model_validate_json(config["job"])
        epochs: list[Epoch] = []
        _note(sleep.log, name, "begun", 0)
        try:
            for number in range(1, sleep.epochs + 1):
                time.sleep(sleep.seconds / sleep.epochs)
                epochs.append(_epoch(number, job.experiment, sleep))
                tune.report({an_epoch: epochs[-1].model_dump_json()})
            tune.report({an_outcome: _outcome(epochs, sleep, test=job.test).model_dump_json()})
        finally:  # also if it is stopped because others are ahead
            _note(sleep.log, name, "ended", len(epochs))

    return run


def _epoch(number: int, experiment: Experiment, sleep: Sleep) -> Epoch:
    f1 = _quality(experiment) * (1 - 0.6**number)
    losses = dict.fromkeys(TERMS, 1 / number + 0.1)
    scores = sleep.scores.model_copy(update={"mean_f1": f1})
    seconds = sleep.seconds / sleep.epochs
    return Epoch(number=number, train_loss=losses, validation_loss=losses, validation=scores, seconds=seconds)


def _quality(experiment: Experiment) -> float:
    """In [0, 1]: a hill over the learning rate, and chance; so a search has something to find."""
    hill = math.exp(-((math.log10(experiment.train.learning_rate) + 3.5) ** 2))
    return 0.2 + 0.6 * hill + 0.2 * random.Random(experiment.model_dump_json()).random()


def _outcome(epochs: list[Epoch], sleep: Sleep, *, test: bool) -> Outcome:
    return Outcome(
        state="finished", best_epoch=epochs[-1].number, epochs=tuple(epochs), validation=epochs[-1].validation,
        test=sleep.scores if test else None, seconds=sleep.seconds, device="none: it slept",
    )  # fmt: skip


def _note(log: Path, trial: str, what: str, epochs: int) -> None:
    """A line, in one write: many processes append to this file."""
    line = json.dumps({"at": time.time(), "process": os.getpid(), "trial": trial, "what": what, "epochs": epochs})
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{line}\n".encode())
    os.close(file)
