"""Trained models: loaded from a folder or a study, and asked about images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from silktune.api import arguments, defaults
from silktune.errors import StudyError

if TYPE_CHECKING:
    import pandas as pd

    from silktune.model.ensemble import Ensemble
    from silktune.study.paths import StudyPaths
    from silktune.study.plan import SearchPlan


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """A trained model: one network, or the mean of several."""

    folders: tuple[Path, ...]  # of its networks
    ensemble: Ensemble

    @property
    def variables(self) -> Mapping[str, tuple[str, ...]]:
        """Variable → its classes, in the order of their probabilities; background comes last."""
        return self.ensemble.names

    def __call__(self, images: Sequence[object]) -> pd.DataFrame:
        """What the model says of images: paths, bytes of image files, base64 texts of these, or (H, W, 3) RGB arrays.

        Returns:
            A row for each image, four columns for each variable: the most probable class under the variable's name,
            its `.probability`, `.runner_up` and `.runner_up_probability`; and `unlike`, above 1 where the image is
            unlike those that the model was trained on.

        Raises:
            DataError: an image cannot be read.
        """
        from silktune.model.images import answers

        return answers(self.ensemble, images)

    def __repr__(self) -> str:
        about = self.ensemble.about
        classes = ", ".join(f"{name} ({len(names)})" for name, names in self.variables.items())
        return f"Model({about.run}, {len(self.folders)} networks on {about.data.name}: {classes})"


def load(source: str | Path, *, one: bool = False, device: str = defaults.DEVICE) -> Model:
    """Load a model; neither its data set nor the weights of its trunk are needed.

    Args:
        source: the folder of a search, of a training (`silktune train --to`), or of a model.
        one: of a search, the best of its final runs; else the mean of all.
        device: auto, cpu or cuda.

    Raises:
        StudyError: there is no model, or it is damaged.
        ResourceError: no GPU where one was asked for.
    """
    arguments.check(device=device)
    folders = model_folders(Path(source), one=one)
    from silktune.core.device import prepare_device
    from silktune.model.ensemble import Ensemble
    from silktune.settings import Runtime

    return Model(tuple(folders), Ensemble.load(folders, prepare_device(Runtime(device=device))))


def model_folders(source: Path, *, one: bool) -> list[Path]:
    """The folders of the networks in a study, a training or a model, the best one first.

    Raises:
        StudyError: there is none.
    """
    from silktune.model.folder import ABOUT, FOLDER
    from silktune.study import plan as plans
    from silktune.study.paths import StudyPaths
    from silktune.study.plan import SearchPlan

    for folder in (source, source / FOLDER):
        if (folder / ABOUT).is_file():
            return [folder]
    paths = StudyPaths(source)
    if not paths.plan.exists():
        raise StudyError(
            f"{source}: there is no model here. Name the folder of a search, of a training that was kept with "
            "silktune train --to, or of a model."
        )
    plan = plans.read(paths)
    if not isinstance(plan, SearchPlan):
        raise StudyError(
            f"{source} is an ablation, which compares settings and keeps no model. Train the row that you want: "
            "silktune train --to FOLDER, with its settings."
        )
    return _of_search(paths, plan, one=one)


def _of_search(paths: StudyPaths, plan: SearchPlan, *, one: bool) -> list[Path]:
    from silktune.api import studies
    from silktune.model.folder import ABOUT
    from silktune.orchestrate.study_tracking import final_outcomes
    from silktune.study.selection import ranked

    study = studies.of_search(paths, plan)
    finals = final_outcomes(paths, study.winner) if study.winner else {}
    order = ranked(finals)
    if not order:
        raise StudyError(
            f"{paths.folder}: this search is {study.state} and has no final run yet, so there is no model. "
            "The command that began it goes on."
        )
    found = [paths.model(run) for run in order]
    if missing := [path for path in found if not (path / ABOUT).exists()]:
        raise StudyError(
            f"{missing[0]}: this model is missing. Models are kept since silktune has predict; of a search of before, "
            "train its winner again: silktune train STUDY/winner.yaml --to FOLDER."
        )
    return found[:1] if one else found
