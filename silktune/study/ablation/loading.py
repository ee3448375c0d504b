"""Ablation tables: YAML under the settings' own dotted names, found by name or path.

    question: What the table answers.
    paper: P23 Tables 4–6     # where the printed metrics come from
    runs: 5                   # of every row; 5 if it is not said
    splits: 1                 # of the data set, which the runs take in turn: run 1 of split 1, run 2 of split 2, …
    metric: mean_f1           # what the table is to judge: rows are tested on it, all other metrics are exploratory
    test: welch               # or paired, over runs with the same seed: for rows whose runs are known to correlate
    smallest_effect: 1.0      # in points: the smallest difference worth finding; --plan says how many runs find it
    base:
      id: MTL                 # the base is the first row itself; without an id it is no row
      best_of: runs/my-study  # over the winner of a search: the study's folder, or a file like its winner.yaml
      set: {loss.gamma: 0}    # settings that all rows share
    rows:                     # each says only what it changes
      - {id: MTL^fo, set: {loss.gamma: 2}, paper: {mean_f1: 32.6 ± 1.11, place.f1: 19.6}}
    leave_one_out: [loss.alpha_sem, net.NN_tfc]   # a row for each, with it off: 0, or no layers: 'without alpha_sem'
    factorial: {loss.gamma: [0, 2], net.NB_RN: [0, 3]}   # a row for each combination: 'gamma=0 NB_RN=3'; or a list
    reference: MTL            # the row that differences are taken against; the first if it is not said
    variables: [place, time]  # every row is trained once for each alone; `paper` then has metrics of variables only

A setting is what the command line says, else the row, else the base's `set`, else the winner of `best_of`, else the
default. A paper's metrics are in percent and named as in `outcome.Scores.flat`. Named rows differ from each other and
from the base; a generated row may be the same experiment as an earlier row, whose runs it then shows.
A setting that is fixed on the command line has no generated rows.
"""

from __future__ import annotations

import itertools
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from silktune.errors import SettingsError, SpaceError
from silktune.settings import Experiment, spell
from silktune.study.ablation import row_checks, table_file
from silktune.study.ablation.row_checks import Layers
from silktune.study.ablation.table_file import DeclaredTable
from silktune.study.ablation.table_model import Row, Table
from silktune.study.paths import StudyPaths
from silktune.study.space_file import find, read_settings
from silktune.study.yaml_file import Complaints, sound_setting

__all__ = ["load"]


def load(
    name: str | Path,
    overrides: Mapping[str, Any] = {},
    *,
    variables: Sequence[str] = (),
    best_of: str | Path | None = None,
) -> Table:
    """Read and check a table.

    Args:
        name: a file, or the name of a shipped table.
        overrides: settings of the command line; they hold in every row.
        variables: in place of the table's own.
        best_of: in place of the base's own.

    Raises:
        SpaceError: with everything that is wrong with it.
    """
    path = find(str(name), "ablations", "ablation table")
    complaints = Complaints(str(path))
    declared = table_file.read(path, overrides, complaints)
    fixed = _command_line(declared, overrides, variables, complaints)
    before = len(complaints.complaints)
    best = _best_of(declared.file.base.best_of, best_of, complaints)
    sound = declared.base.sound and len(complaints.complaints) == before
    layers = Layers({**best, **declared.base.changes}, fixed, sound)
    row_checks.check(complaints, replace(declared.base, changes={}), declared.rows, layers)
    if complaints.complaints:
        raise SpaceError.of(dict.fromkeys(complaints.complaints))
    table = _table(path.stem, declared, tuple(variables) or declared.variables.names, layers)
    return table.model_copy(update={"best_of": str(best_of or declared.file.base.best_of)})


def _command_line(
    declared: DeclaredTable, overrides: Mapping[str, Any], variables: Sequence[str], complaints: Complaints
) -> dict[str, Any]:
    """The settings of the command line that exist and take their value."""
    fixed, wrong = {}, []
    for name, value in overrides.items():
        try:
            sound_setting(name, value)
            fixed[name] = value
        except SettingsError as error:
            wrong += str(error).splitlines()
    single, file = declared.variables.single, complaints.where
    if variables and not single:
        instead = shlex.quote(f"data.variables={spell(variables)}")
        wrong.append(f"--variables: {file} has no `variables:`. Write {instead} instead.")
    else:
        twice = [name for name, count in Counter(variables).items() if count > 1]
        wrong += [f"--variables: {name} is there twice." for name in twice]
    if single and "data.variables" in fixed:
        instead = "Name them with --variables instead."
        wrong.append(f"data.variables: {file} has a network for each of its variables. {instead}")
    complaints.complaints += [f"command line: {sentence}" for sentence in wrong]
    return fixed


def _best_of(declared: str, instead: str | Path | None, complaints: Complaints) -> dict[str, Any]:
    """The settings of a search's winner; none where none is asked for."""
    if not declared and instead is None:
        return {}
    where, path = (f"{complaints.where}: base", Path(declared)) if instead is None else ("command line", Path(instead))
    file = StudyPaths(path).winner if path.is_dir() else path
    try:
        if not file.is_file():
            raise SpaceError(f"{where}: best_of: there is no {file}. It is written when a search has ended.")
        return read_settings(file)
    except SpaceError as error:
        complaints.complaints += str(error).splitlines()
        return {}


def _table(name: str, declared: DeclaredTable, variables: Sequence[str], layers: Layers) -> Table:
    """The table of a file without mistakes."""
    rows = tuple(_rows(declared, variables or ("",), layers))
    base = layers.experiment(replace(declared.base, changes={}))
    named = [row.experiment.data.variables for row in rows]
    if all(named):  # the data set is prepared with these, and with what the base itself asks for
        asked = base.data.variables if "data.variables" in declared.base.changes else ()
        base = base.with_({"data.variables": tuple(dict.fromkeys(itertools.chain(asked, *named)))})
    file = declared.file
    return Table(
        name=name, question=file.question, paper=file.paper, runs=file.runs, splits=file.splits,
        reference=file.reference or declared.lines[0].id, base=base, rows=rows, metric=file.metric, test=file.test,
        smallest_effect=None if file.smallest_effect is None else file.smallest_effect / 100,
    )  # fmt: skip


def _rows(declared: DeclaredTable, variables: Sequence[str], layers: Layers) -> Iterator[Row]:
    """Every line, once for each variable where there are any."""
    owners: dict[Experiment, str] = {}
    for line in declared.lines:
        whole = layers.experiment(line)
        changes = {name: _plain(whole.flat()[name]) for name in line.changes if name not in layers.fixed}
        for variable in variables:
            row = f"{line.id} ({variable})" if variable else line.id
            experiment = (whole.with_({"data.variables": (variable,)}) if variable else whole).effective()
            owner = owners.setdefault(experiment, row)
            paper = {metric: printed for metric, printed in line.paper.items() if _of(metric, variable)}
            yield Row(
                id=row, line=line.id, experiment=experiment, changes=changes, variable=variable, paper=paper,
                same_as="" if owner == row else owner,
            )  # fmt: skip


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    return list(value) if isinstance(value, tuple) else value


def _of(metric: str, variable: str) -> bool:
    """Whether a metric is one of this variable; where networks predict all variables, any is."""
    return not variable or metric.rpartition(".")[0] == variable
