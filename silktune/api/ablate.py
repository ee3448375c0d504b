"""An ablation: which training helps, and is the difference real? And what it would take to find out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from silktune.api import arguments, defaults
from silktune.api.progress import Begun, Listener
from silktune.errors import SettingsError

if TYPE_CHECKING:
    from silktune.api.studies import AblationStudy
    from silktune.api.study_context import StudyFolder
    from silktune.data.dataset import Dataset
    from silktune.orchestrate.ablate import Order
    from silktune.orchestrate.coordinator import Watcher
    from silktune.orchestrate.estimate import Estimate
    from silktune.study.ablation.table_model import Table
    from silktune.study.plan import AblationPlan


def ablate(
    data: str | Path, table: str | Path = defaults.TABLE, settings: Mapping[str, Any] | None = None, *,
    images: str | Path | None = None, runs: int | None = None, splits: int | None = None,
    until_decided: bool = False, at_most: int | None = None, reference: str | None = None,
    variables: Sequence[str] = (), best_of: str | Path | None = None, executor: str = defaults.EXECUTOR,
    concurrent: int = defaults.CONCURRENT, workers: int = defaults.WORKERS, gpus: float | None = None,
    device: str = defaults.DEVICE, retries: int = defaults.RETRIES, cache_gb: float | None = None,
    address: str | None = None, storage: str | Path | None = None, name: str | None = None,
    root: str | Path = defaults.ROOT, progress: Watcher | None = None, command: str | None = None,
) -> AblationStudy:  # fmt: skip
    """Train every row of a table in several runs, and compare the rows on the test set.

    The same call again continues an interrupted table and runs failed cells again; with more runs it adds to a
    finished one.

    Args:
        data: a label table, or a prepared data set.
        table: an ablation table by name or file.
        settings: that every row gets, by their dotted names: {"train.max_epochs": 5}.
        images: the folder of the label table's images; None: its own.
        runs: of every row; None: the table's.
        splits: of the data set, which the runs take in turn; None: the table's.
        until_decided: a row stops when a difference from the reference is shown or hardly can be.
        at_most: runs of a row that is not decided earlier, 20 if it is not said.
        reference: the row to compare with; None: the table's.
        variables: for a table of single-task networks, in place of its own.
        best_of: a search's folder, whose winner's settings lie under the table's.
        executor: ray, or local: one trial after the other in this process.
        concurrent: trials at once.
        workers: processes that train one network.
        gpus: per trial; 0.25: four trials share one; None: evenly.
        device: auto, cpu or cuda.
        retries: of a trial whose process died.
        cache_gb: of disk that activations of what is frozen may take; 0: none are kept; None: half of what is free.
        address: of a running Ray; None: RAY_ADDRESS, or a Ray of its own.
        storage: a folder or s3://… that all nodes reach; None: the root.
        root: where studies, prepared data and MLflow's store are kept.
        name: of the study's folder there; None: from table, data and settings.
        progress: hears what happens: a `silktune.Progress`.
        command: what the study's record says that it was made by; None: this call.

    Raises:
        SilktuneError: an argument, a setting, a row or data that cannot be; the machine failed.
    """
    called, listener = command or arguments.call(ablate, locals()), Listener(progress)
    arguments.check(device=device, executor=executor, name=name)
    arguments.at_least(0, cache_gb=cache_gb)
    chosen = _table(table, settings, variables, best_of, reference, runs, splits)
    chosen = _stopping(chosen, until_decided, runs, at_most)
    arguments.writable(Path(root), "name another folder with --root")
    from silktune.api.dataset import open_dataset

    dataset = open_dataset(data, images, chosen.base, Path(root), listener)
    from silktune.api import executor as executors
    from silktune.api.study_context import StudyFolder
    from silktune.orchestrate.ablate import Order

    where = executors.trial_executor(executor, concurrent, workers, gpus, device, retries, address)
    folder = StudyFolder(Path(root), name, str(storage) if storage else None)
    return _run(chosen, _plan(chosen, dataset, device, called), dataset, Order(where, cache_gb), folder, listener)


def estimate(
    data: str | Path, table: str | Path = defaults.TABLE, settings: Mapping[str, Any] | None = None, *,
    images: str | Path | None = None, runs: int | None = None, splits: int | None = None,
    until_decided: bool = False, at_most: int | None = None, reference: str | None = None,
    variables: Sequence[str] = (), best_of: str | Path | None = None, executor: str = defaults.EXECUTOR,
    concurrent: int = defaults.CONCURRENT, workers: int = defaults.WORKERS, gpus: float | None = None,
    device: str = defaults.DEVICE, retries: int = defaults.RETRIES, cache_gb: float | None = None,
    address: str | None = None, storage: str | Path | None = None, name: str | None = None,
    root: str | Path = defaults.ROOT, progress: Watcher | None = None,
) -> Estimate:  # fmt: skip
    """What `ablate` would train, what is done already, and about how long the rest takes; trains nothing.

    The arguments are those of `ablate`.

    Raises:
        SilktuneError: as `ablate`.
    """
    listener = Listener(progress)
    arguments.check(device=device, executor=executor, name=name)
    arguments.at_least(0, cache_gb=cache_gb)
    chosen = _table(table, settings, variables, best_of, reference, runs, splits)
    chosen = _stopping(chosen, until_decided, runs, at_most)
    arguments.writable(Path(root), "name another folder with --root")
    from silktune.api.dataset import open_dataset

    dataset = open_dataset(data, images, chosen.base, Path(root), listener)
    from silktune.api import executor as executors
    from silktune.api.study_context import StudyFolder
    from silktune.orchestrate import estimate
    from silktune.orchestrate.ablate import Order
    from silktune.study.external_files import Outside

    where = executors.trial_executor(executor, concurrent, workers, gpus, device, retries, address)
    folder = StudyFolder(Path(root), name, str(storage) if storage else None)
    paths = folder.paths(_plan(chosen, dataset, device, ""), _title(chosen, dataset))
    Outside.read(paths).with_(row.experiment.net for row in chosen.rows)
    return estimate.estimate(chosen, dataset, Order(where, cache_gb), paths)


def _table(
    name: str | Path,
    settings: Mapping[str, Any] | None,
    variables: Sequence[str],
    best_of: str | Path | None,
    reference: str | None,
    runs: int | None,
    splits: int | None,
) -> Table:
    """The table that a person named, as it is asked for."""
    from silktune.study import ablation, ablation_folder

    arguments.at_least(1, runs=runs, splits=splits)
    table = ablation.load(str(name), settings or {}, variables=tuple(variables), best_of=best_of)
    if reference:
        table = ablation_folder.compared_with(table, reference)
    return table.model_copy(update={"runs": runs or table.runs, "splits": splits or table.splits})


def _stopping(table: Table, until_decided: bool, runs: int | None, at_most: int | None) -> Table:
    """The table, whose rows may stop when they are decided."""
    from silktune.study.ablation.decisions import FIRST_LOOK

    if not until_decided:
        if at_most is None:
            return table
        raise SettingsError(f"--at-most {at_most}: it goes with --until-decided. A number for every row is --runs.")
    arguments.at_least(FIRST_LOOK + 1, at_most=at_most)
    if runs is not None:
        raise SettingsError(f"--runs {runs}: with --until-decided a row has as many runs as it takes, up to --at-most.")
    if table.splits > 1:
        raise SettingsError(
            f"--until-decided: it looks at runs of one split, and this table has {table.splits}. Give --splits 1, or "
            "the number of runs that --plan says."
        )
    return table.model_copy(update={"runs": FIRST_LOOK, "at_most": at_most or defaults.AT_MOST})


def _plan(table: Table, dataset: Dataset, device: str, command: str) -> AblationPlan:
    """The plan of a table of which every row is possible on this data."""
    from silktune.orchestrate.ablate import check
    from silktune.study.plan import AblationPlan

    weights = table.base.net.weights_digest
    plan = AblationPlan(command=command, data=dataset.digest, weights=weights, table=table.name, base=table.base)
    check(table, dataset, device)
    return plan


def _title(table: Table, dataset: Dataset) -> str:
    return f"{table.name}-{dataset.name}"


def _run(
    table: Table, plan: AblationPlan, dataset: Dataset, order: Order, folder: StudyFolder, listener: Listener
) -> AblationStudy:
    from silktune.api import studies
    from silktune.api.study_context import Study
    from silktune.orchestrate.ablate import ablate

    begun = Study.begin(
        plan, [row.experiment.net for row in table.rows], _title(table, dataset), folder,
        dataset=dataset, params={"table": table.name, "runs": table.most, **table.base.flat()},
    )  # fmt: skip
    with begun as study:
        first = tuple(trial.id for trial in table.trials(1))
        listener.begun(Begun(study.paths.folder, dataset.name, dataset.digest, table.question, first))
        listener.say(study.notes)
        results = ablate(table, dataset, order, study.paths, study.tracker, listener)
        unrecorded = tuple(study.finish()[0])
    return replace(
        studies.of_ablation(study.paths, results), notes=(*listener.notes, *unrecorded), unrecorded=unrecorded,
        page=study.how_to_look(),
    )  # fmt: skip
