"""One training, in this process, without Ray and without MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from silktune.api import arguments, defaults
from silktune.api.progress import Listener
from silktune.outcome import Outcome
from silktune.settings import Experiment, Runtime

if TYPE_CHECKING:
    import pandas as pd

    from silktune.data.dataset import Dataset
    from silktune.orchestrate.coordinator import Watcher

TRIAL = "training"  # what a watcher is told of it


@dataclass(frozen=True)
class TrainingResult:
    """What a training ended with."""

    outcome: Outcome
    folder: Path | None  # of model, checkpoint.pt, outcome.json, predictions.parquet (tested); None: nothing is kept
    notes: tuple[str, ...]  # what a person should know of the data

    @property
    def epochs(self) -> pd.DataFrame:
        """A row per epoch: losses by term, validation metrics, seconds."""
        from silktune.api import frames

        return frames.of_epochs(self.outcome)

    @property
    def validation(self) -> pd.DataFrame:
        """A row per variable, and their mean: metrics on the validation set at the best epoch."""
        from silktune.api import frames

        return frames.of_scores(self.outcome.validation)

    @property
    def test(self) -> pd.DataFrame:
        """As `validation`, on the test set; no row where it was not tested."""
        from silktune.api import frames

        return frames.of_scores(self.outcome.test)

    def __repr__(self) -> str:
        outcome = self.outcome
        return f"TrainingResult(best epoch {outcome.best_epoch} of {outcome.trained}, {outcome.seconds:.0f} s)"

    def _repr_html_(self) -> str:
        scores = self.validation if self.outcome.test is None else self.test
        subset = "validation" if self.outcome.test is None else "test"
        return f"<p>Best epoch {self.outcome.best_epoch} of {self.outcome.trained}; {subset} set:</p>{scores.to_html()}"


def train(
    data: str | Path,
    settings: Mapping[str, Any] | None = None,
    *,
    base: str | Path | Experiment | None = None,
    images: str | Path | None = None,
    folder: str | Path | None = None,
    device: str = defaults.DEVICE,
    threads: int = defaults.THREADS,
    test: bool = False,
    cache_gb: float | None = None,
    root: str | Path = defaults.ROOT,
    progress: Watcher | None = None,
) -> TrainingResult:
    """Train one SilkNet.

    Args:
        data: a label table, or a prepared data set.
        settings: by their dotted names: {"train.max_epochs": 5}.
        base: a file of settings (winner.yaml), or an experiment, that `settings` change; None: the defaults.
        images: the folder of the table's images; None: the table's own.
        folder: where checkpoint, model and outcome are kept, and gone on from; None: nowhere.
        device: auto, cpu or cuda.
        threads: of the CPU; 0: torch decides.
        test: whether the result is tested on the test set.
        cache_gb: of disk that activations of what is frozen may take; 0: none are kept; None: half of what is free.
        root: a table is prepared in its `data`.
        progress: hears of images that are prepared, and of every epoch.

    Raises:
        SilktuneError: an argument or a setting that cannot be, or a training that cannot go on.
    """
    experiment = _experiment(base, settings or {})
    kept, listener = Path(folder) if folder else None, Listener(progress)
    arguments.check(device=device)
    arguments.at_least(0, threads=threads, cache_gb=cache_gb)
    if kept:
        arguments.writable(kept, "name another folder with --to")
    from silktune.api.dataset import open_dataset

    dataset = open_dataset(data, images, experiment, Path(root), listener)
    runtime = Runtime(device=device, threads=threads, folder=kept)
    outcome = _run(experiment, runtime, dataset, listener, cache_gb, test=test)
    if kept:
        outcome.write(kept / "outcome.json")
    return TrainingResult(outcome, kept, tuple(listener.notes))


def _experiment(base: str | Path | Experiment | None, settings: Mapping[str, Any]) -> Experiment:
    if isinstance(base, Experiment):
        return base.with_(settings, "settings")
    from silktune.study import space_file

    return space_file.experiment(str(base or ""), settings)


def _run(
    experiment: Experiment, runtime: Runtime, data: Dataset, listener: Listener, cache_gb: float | None, *, test: bool
) -> Outcome:
    from silktune.core import training
    from silktune.core.activations.needed import needed
    from silktune.model import finished_run
    from silktune.orchestrate.activations import stores
    from silktune.study.plan import Trial

    trial = Trial(TRIAL, "", experiment)
    kept = stores(needed([experiment], data), experiment, data, runtime, cache_gb, listener)
    trained = training.fit(experiment, runtime, data, lambda epoch: listener.epoch(trial, epoch), stores=kept)
    return finished_run.finish(trained, runtime, TRIAL, test=test)
