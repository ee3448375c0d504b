"""A search for every variable: single-task networks, each with settings of its own, as P22 has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from silktune.api import arguments, defaults
from silktune.api.progress import Listener
from silktune.api.search import search
from silktune.errors import DataError, SettingsError, TrialsFailed
from silktune.safe_names import file_name

if TYPE_CHECKING:
    from silktune.api.studies import SearchStudy
    from silktune.orchestrate.coordinator import Watcher
    from silktune.study.space import Space

BACKGROUND = "unknown"  # P22 has none: a class too rare to split is an unknown label, unless somebody says otherwise


def search_each(
    data: str | Path, variables: Sequence[str], space: str | Path = defaults.SPACE,
    settings: Mapping[str, Any] | None = None, *,
    images: str | Path | None = None, name: str | None = None, register: str | None = None,
    root: str | Path = defaults.ROOT,
    progress: Watcher | None = None, command: str | None = None, **asked: Any,
) -> dict[str, SearchStudy]:  # fmt: skip
    """Search the settings of a network for each variable alone, one search after the other.

    Each is a study of its own: the same call again goes on with those that are not done. The images are prepared once,
    for all of them. A class that is too rare to split is an unknown label, as in P22, unless the settings or the space
    say `data.background`.

    Args:
        data: a label table, or a prepared data set.
        variables: of the data set.
        space: by name or file.
        settings: that are fixed in all of them.
        images: the folder of the table's images; None: the table's own.
        name: the variable is added to it: of the studies' folders; None: from space, variable, data and settings.
        register: the variable is added to it: the names of their models in MLflow's registry; None: none.
        root: where studies, prepared data and MLflow's store are kept.
        progress: hears what happens: a `silktune.Progress`.
        command: what the studies' records say that they were made by; None: this call.
        asked: the other arguments of `silktune.search`.

    Returns:
        Variable → its search, without those of which no trial finished: the notes to `progress` say why.

    Raises:
        SilktuneError: as `silktune.search`; before anything is trained if a variable cannot be searched.
        TrialsFailed: no trial of any of them finished.
    """
    called = command or arguments.call(search_each, locals())
    spaces = _spaces(space, settings or {}, variables)
    arguments.check(device=asked.get("device", defaults.DEVICE), name=name)
    arguments.registrable(register)
    arguments.writable(Path(root), "name another folder with --root")
    folder = _prepared(data, images, list(spaces.values()), Path(root), Listener(progress))
    found, failed = {}, []
    for variable, one in spaces.items():
        try:
            found[variable] = search(
                folder, one, name=f"{name}-{file_name(variable)}" if name else None, root=root, progress=progress,
                command=called, register=f"{register}-{variable}" if register else None, **asked,
            )  # fmt: skip
        except TrialsFailed as error:
            failed.append(f"{variable}: {error}")
            if progress:
                progress.note(failed[-1])
    if not found:
        raise TrialsFailed("\n".join(failed))
    return found


def _spaces(space: str | Path, settings: Mapping[str, Any], variables: Sequence[str]) -> dict[str, Space]:
    """The space for each variable alone."""
    from silktune.study import space_file

    if not variables or len(set(variables)) < len(variables):
        raise SettingsError(f"--variables {','.join(variables)}: name each variable once, and at least one.")
    fixed = space_file.read_settings(space_file.find(str(space)))
    for where, says in (("data.variables", settings), (f"{space}: set: data.variables", fixed)):
        if "data.variables" in says:
            raise SettingsError(f"{where}: with --variables each search sees one of these. Leave it out.")
    background = {"data.background": fixed.get("data.background", BACKGROUND)}
    spaces = {}
    for variable in variables:
        read = space_file.load(str(space), background | dict(settings) | {"data.variables": (variable,)})
        spaces[variable] = read.model_copy(update={"name": f"{read.name}-{variable}"})
    return spaces


def _prepared(
    data: str | Path, images: str | Path | None, spaces: Sequence[Space], root: Path, listener: Listener
) -> Path:
    """The folder of the data set, prepared once; each variable is in it and can be learnt."""
    from silktune.api.dataset import open_dataset
    from silktune.core import training

    names = tuple(name for space in spaces for name in space.base.data.variables)
    every = spaces[0].base.with_({"data.variables": names})
    dataset = open_dataset(data, images, every, root, listener)
    complaints = []
    for space in spaces:
        try:
            training.view(dataset, space.base)
        except DataError as error:
            complaints.append(f"{space.base.data.variables[0]}: {error}")
    if complaints:
        raise DataError.of(complaints)
    return dataset.folder
