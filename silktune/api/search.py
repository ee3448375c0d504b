"""A search: from labelled images to a tested winner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from silktune.api import arguments, defaults
from silktune.api.progress import Begun, Listener
from silktune.errors import SettingsError

if TYPE_CHECKING:
    from silktune.api.studies import SearchStudy
    from silktune.api.study_context import StudyFolder
    from silktune.data.dataset import Dataset
    from silktune.orchestrate.coordinator import Watcher
    from silktune.orchestrate.search import Order
    from silktune.study.space import Space


def search(
    data: str | Path, space: str | Path | Space = defaults.SPACE, settings: Mapping[str, Any] | None = None, *,
    images: str | Path | None = None, trials: int | None = None, time: str | float | None = None,
    confirm: int | None = None, final_runs: int = defaults.FINAL_RUNS, sampler: str = defaults.SAMPLER,
    seed: int = defaults.SEED, executor: str = defaults.EXECUTOR, concurrent: int = defaults.CONCURRENT,
    workers: int = defaults.WORKERS, gpus: float | None = None, device: str = defaults.DEVICE,
    retries: int = defaults.RETRIES, cache_gb: float | None = None, address: str | None = None,
    storage: str | Path | None = None, name: str | None = None, register: str | None = None,
    root: str | Path = defaults.ROOT, progress: Watcher | None = None, command: str | None = None,
) -> SearchStudy:  # fmt: skip
    """Search the settings with the best validation mean F1, confirm the leading ones, train the winner and test it.

    Args:
        data: a label table, or a prepared data set.
        space: by name or file, or one that was read.
        settings: that are fixed, by their dotted names: {"train.max_epochs": 5}.
        images: the folder of the table's images; None: the table's own.
        trials: in all; None: 20, or all of a grid. The same call again goes on, with more trials after the end too.
        time: after which no trial is begun any more: "2h", or seconds; confirming and testing come after it.
        confirm: leading trials to train again, with fresh seeds, and choose from; 0: none; None: as before, or 5.
        final_runs: of the winner on the test set.
        sampler: tpe, random or grid.
        seed: of the sampler.
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
        name: of the study's folder there; None: from space, data and settings.
        register: the model's name in MLflow's registry, champion if it is best on validation; None: it is not there.
        progress: hears what happens: a `silktune.Progress`.
        command: what the study's record says that it was made by; None: this call.

    Raises:
        SilktuneError: an argument, a setting or data that cannot be; no trial finished; the machine failed.
    """
    called = command or arguments.call(search, locals())
    arguments.check(device=device, executor=executor, sampler=sampler, name=name, register=register)
    arguments.at_least(1, trials=trials, final_runs=final_runs)
    arguments.at_least(0, cache_gb=cache_gb, confirm=confirm)
    seconds, chosen, listener = arguments.seconds(time), _space(space, settings or {}), Listener(progress)
    arguments.writable(Path(root), "name another folder with --root")
    from silktune.api.dataset import open_dataset

    dataset = open_dataset(data, images, chosen.base, Path(root), listener)
    from silktune.api import executor as executors
    from silktune.api.study_context import StudyFolder
    from silktune.orchestrate.search import Order

    where = executors.trial_executor(executor, concurrent, workers, gpus, device, retries, address)
    count = trials if trials or sampler == "grid" else defaults.TRIALS
    order = Order(sampler, seed, count, final_runs, seconds, where, cache_gb)  # type: ignore[arg-type]
    folder = StudyFolder(Path(root), name, str(storage) if storage else None)
    return _run(chosen, dataset, order, confirm, folder, called, listener, register)


def _space(space: str | Path | Space, settings: Mapping[str, Any]) -> Space:
    """The space that a person named, with these settings fixed."""
    from silktune.study import space_file

    if isinstance(space, str | Path):
        return space_file.load(str(space), settings)
    if settings:
        raise SettingsError("settings: a space that was read already has its settings; give them where it is read.")
    return space


def _run(
    space: Space, dataset: Dataset, order: Order, confirm: int | None, folder: StudyFolder, command: str,
    listener: Listener, register: str | None,
) -> SearchStudy:  # fmt: skip
    from silktune.api import studies
    from silktune.api.study_context import Study
    from silktune.orchestrate.search import search
    from silktune.study.plan import SearchPlan
    from silktune.study.selection import Selection

    plan = SearchPlan(
        command=command, data=dataset.digest, weights=space.base.net.weights_digest, space=space,
        sampler=order.sampler, seed=order.seed, question=space.question,
    )  # fmt: skip
    searched = {dimension.name for dimension in space.dimensions}
    shared = {name: value for name, value in space.base.flat().items() if name not in searched}
    params = {"sampler": order.sampler, "sampler.seed": order.seed, **shared}
    title = f"{space.name}-{dataset.name}"
    with Study.begin(plan, space.nets(), title, folder, dataset=dataset, params=params) as study:
        listener.begun(Begun(study.paths.folder, dataset.name, dataset.digest))
        listener.say(study.notes)
        selection = Selection.of(study.paths, confirm, defaults.CONFIRM)
        if confirm is None and not selection.confirm and not study.paths.selection.exists():
            listener.note(
                "The winner of this study was chosen by single values, before there was another way. "
                f"--confirm {defaults.CONFIRM} trains the leading trials again with fresh seeds, and chooses by these."
            )
        order = replace(order, confirm=selection.confirm)
        report = search(space, dataset, order, study.paths, study.tracker, listener)
        unrecorded, registered = study.finish(register)
        listener.say(filter(None, [registered]))
    return replace(
        studies.of_search(study.paths, plan), _report=lambda: report, notes=(*listener.notes, *unrecorded),
        unrecorded=tuple(unrecorded), page=study.how_to_look(),
    )  # fmt: skip
