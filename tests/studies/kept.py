"""Small studies as this version of silktune leaves them, kept in `form2`, and going on with them.

A search of three trials, the last of which was interrupted after two of its three epochs, and an ablation of two rows
with a run each, on 60 woven images of 16×16 pixels. They stay as they are while studies of their form go on. Where they
may not, `identity.FORM` (or the VERSION of a checkpoint, or of a data set) has counted up, and this makes them anew:

    python -m tests.studies.kept
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from silktune.data.dataset import Dataset
from silktune.data.prepare import prepare
from silktune.data.sample_data.collection import weave
from silktune.orchestrate import ablate, search
from silktune.orchestrate.executors import executor
from silktune.orchestrate.executors.resources import Placement
from silktune.outcome import Epoch
from silktune.settings import Data, parse
from silktune.settings.identity import FORM
from silktune.study import ablation, space_file
from silktune.study import plan as plans
from silktune.study.data_facts import Facts
from silktune.study.metadata import Metadata
from silktune.study.paths import StudyPaths
from silktune.study.plan import AblationPlan, Plan, SearchPlan, Trial
from silktune.tracking.null_tracker import NoTracker
from tests.orchestrate.test_coordinator import Notes

KEPT = Path(__file__).parent / f"form{FORM}"
INTERRUPTED, EPOCHS_DONE = "t002", 2
UNNEEDED = (".lock", "lock", "figures")
SET = """
  data.image_size: 16
  net.trunk: resnet18
  net.weights: none
  net.NB_RN: 0
  net.NN_jfc: [4]
  net.NN_tfc: []
  train.batch_size: 24
  train.max_epochs: 3
"""
SPACE = f"""
set:{SET}
search:
  train.learning_rate: {{low: 1.0e-3, high: 1.0e-1, log: true}}
  loss.gamma: {{choices: [0.0, 2.0]}}
  loss.lambda_aux: {{choices: [0.0, 1.0]}}
  loss.alpha_sem: {{low: 0.1, high: 0.9, step: 0.1, unless: {{loss.lambda_aux: 0.0}}}}
first:
  plain: {{train.learning_rate: 1.0e-2, loss.gamma: 0.0, loss.lambda_aux: 0.0}}
asha: {{min_epochs: 1, reduction: 2}}
"""
ROWS = f"""
question: Does focal loss help?
runs: 1
base:
  id: MTL
  set:{SET.replace("  ", "    ").replace("epochs: 3", "epochs: 1")}
    loss.gamma: 0
    loss.lambda_aux: 0
rows:
  - {{id: MTL^fo, set: {{loss.gamma: 2}}}}
"""


class Interrupting(Notes):
    """A person who stops the search in the middle of a trial."""

    def epoch(self, trial: Trial, epoch: Epoch) -> None:
        super().epoch(trial, epoch)
        if (trial.id, epoch.number) == (INTERRUPTED, EPOCHS_DONE):
            raise KeyboardInterrupt


def data_of(folder: Path) -> Dataset:
    (found,) = folder.glob("data/*/dataset.json")
    return Dataset.open(found.parent)


def go_on_searching(folder: Path, overrides: Mapping[str, Any], trials: int, watcher: Notes) -> None:
    """The search in a folder, begun or gone on with until there are so many trials, and a run of the winner."""
    data, paths = data_of(folder), StudyPaths(folder / "search")
    space = space_file.load(str(folder / "space.yaml"), overrides)
    plan = SearchPlan(command="silktune search", data=data.digest, weights="none", space=space, sampler="tpe", seed=0)
    order = search.Order("tpe", 0, trials, 1, None, executor("local", Placement(1, 1, None, "cpu", 0)))
    with paths.locked():
        metadata = _begin(plan, paths, data)
        search.search(space, data, order, paths, NoTracker(), watcher)
        metadata.end(paths, failed=False)


def go_on_ablating(folder: Path, overrides: Mapping[str, Any], runs: int, watcher: Notes) -> None:
    """The ablation in a folder, begun or gone on with until there are so many runs of every row."""
    data, paths = data_of(folder), StudyPaths(folder / "ablation")
    table = ablation.load(folder / "rows.yaml", overrides).model_copy(update={"runs": runs})
    plan = AblationPlan(command="silktune ablate", data=data.digest, weights="none", table=table.name, base=table.base)
    order = ablate.Order(executor("local", Placement(1, 1, None, "cpu", 0)))
    with paths.locked():
        metadata = _begin(plan, paths, data)
        ablate.ablate(table, data, order, paths, NoTracker(), watcher)
        metadata.end(paths, failed=False)


def _begin(plan: Plan, paths: StudyPaths, data: Dataset) -> Metadata:
    plans.begin(plan, paths)
    metadata = Metadata(tags=Metadata.tags_before(paths), params={}, data=Facts.of(data), folder=Path(data.name))
    metadata.write(paths)
    return metadata


def go_on(folder: Path, overrides: Mapping[str, Any]) -> dict[str, list[str]]:
    """Go on with both studies to the end, with one more trial and one more run of every row; what a watcher saw."""
    searching, ablating = Notes(), Notes()
    go_on_searching(folder, overrides, 4, searching)
    go_on_ablating(folder, overrides, 2, ablating)
    return {"search": searching.seen, "ablation": ablating.seen}


def make(folder: Path) -> None:
    """Both studies, in a new folder."""
    with TemporaryDirectory() as woven:
        prepare(weave(Path(woven) / "sample", 60, 0), None, Data(image_size=16), folder / "data", workers=1)
    about = data_of(folder).folder / "dataset.json"
    source = {"table": "labels.csv", "images": "images"}  # not where they lay on this machine
    about.write_text(json.dumps(json.loads(about.read_bytes()) | {"source": source}, indent=1), encoding="utf-8")
    (folder / "space.yaml").write_text(SPACE.lstrip(), encoding="utf-8")
    (folder / "rows.yaml").write_text(ROWS.lstrip(), encoding="utf-8")
    with suppress(KeyboardInterrupt):
        go_on_searching(folder, {}, 3, Interrupting())
    go_on_ablating(folder, {}, 1, Notes())
    for path in [path for path in folder.rglob("*") if path.name in UNNEEDED]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


if __name__ == "__main__":
    if words := sys.argv[1:]:  # a folder and settings: how the tests have another version go on
        print(json.dumps(go_on(Path(words[0]), dict(parse(word) for word in words[1:]))))
    else:
        shutil.rmtree(KEPT, ignore_errors=True)
        make(KEPT)
