"""How good a model is on a label table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from silktune.api import arguments, defaults
from silktune.api.models import Model, load
from silktune.errors import DataError, SettingsError

if TYPE_CHECKING:
    from silktune.model.catalogue import Catalogue
    from silktune.model.evaluating import Evaluation


def evaluate(
    model: str | Path | Model, table: str | Path, *, images: str | Path | None = None, group: str = "",
    to: str | Path | None = None, one: bool = False, device: str = defaults.DEVICE,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:  # fmt: skip
    """Compare what a model says with the labels of a table, image by image.

    Args:
        model: a loaded one, or the folder of a search, of a training that was kept, or of a model.
        table: a label table; labels that the model does not know are left out, and counted.
        images: the folder of its images; None: its own.
        group: a column by whose values metrics are told too; "": none.
        to: a folder for metrics and confusion matrices, which is not there yet; None: nothing is written.
        one: take the best of a search's final runs; else the mean of all.
        device: auto, cpu or cuda.
        progress: told images done and in all.

    Raises:
        SilktuneError: a model or a table that cannot be used.
    """
    folder = Path(to) if to else None
    if folder and folder.exists():
        raise SettingsError(f"--to {folder}: it is there already, and is not written into. Give another folder.")
    if folder:
        arguments.writable(folder.parent, "name another folder with --to")
    if Path(table).is_dir():
        raise DataError(f"{table}: this is a folder; a model is evaluated on a label table.")
    loaded = model if isinstance(model, Model) else load(model, one=one, device=device)
    from silktune.model import catalogue, evaluating, evaluation_report
    from silktune.model.predicting import Task
    from silktune.model.proposals import Rules

    found = catalogue.read(Path(table), Path(images) if images else None)
    variables = [entry.variable for entry in loaded.ensemble.about.variables]
    task = Task(loaded.ensemble, found, Rules(loaded.variables, {}, everything=True), by_record=False, key="")
    with TemporaryDirectory() as chunks:
        parts = task.run(Path(chunks), progress or _silent)
        evaluation = evaluating.judged(variables, found, parts, group, _known(loaded, found))
    if folder:
        folder.mkdir(parents=True)
        evaluation_report.write(evaluation, loaded.ensemble, folder)
    return evaluation


def _known(model: Model, catalogue: Catalogue) -> dict[str, int]:
    """How many images of a catalogue the model was trained or chosen on, by subset."""
    from concurrent.futures import ThreadPoolExecutor

    from silktune.data.image_files import fingerprints

    files = [path for name in catalogue.cells["image"] if (path := catalogue.folder / str(name)).is_file()]
    with ThreadPoolExecutor() as pool:
        contents = {content.hex() for content in fingerprints(files, pool)}
    return {subset: len(contents & known) for subset, known in model.ensemble.members[0].images.items()}


def _silent(done: int, total: int) -> None:
    """Progress that nobody wants to see."""
