"""The baselines of a study: computed once, in seconds, from the labels and from the features that its trials read."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from silktune.core import baselines as predictions
from silktune.core import training
from silktune.core.activations.key import Key
from silktune.core.activations.store import ActivationStore
from silktune.data.dataset import Dataset
from silktune.errors import SilktuneError
from silktune.settings import Experiment
from silktune.settings.identity import digest
from silktune.study.baselines import Baseline, Baselines
from silktune.study.paths import StudyPaths

FORM = 1  # counts up when the same data give others
MOST_GROUPS, IMAGES_A_GROUP = 100, 5  # of a column that may tell classes: more are names of objects
REGRESSION = "logistic regression on frozen features"
KEYS = ("image", "record", "subset")


def baselines(data: Dataset, experiment: Experiment, variables: Iterable[str], paths: StudyPaths) -> Baselines:
    """Those of a study; what cannot be had is said in a sentence and ends no study.

    Args:
        data: the data set, with all variables.
        experiment: its view of the data is scored, and features are those of its trunk.
        variables: of the study; other columns are groups that an image may be of.
        paths: of the study, where they are kept.
    """
    view, used = training.view(data, experiment), sorted(variables)
    try:
        trunk = Key.of(experiment, view, NB_RN=0)
        store, kept = _features(view, trunk), Baselines.read(paths.baselines)
        key = digest([FORM, data.digest, experiment.data.model_dump(mode="json"), used, trunk.digest])
        if kept.key == key and not (kept.missing and store):
            return kept
        found = [Baseline(name="largest class", scores=predictions.largest_class(view, "test"))]
        found += _of_groups(view, used)
        missing = ["No features are kept that a logistic regression could learn from: trials train their trunk."]
        if store:
            reader = store.reader(view.contents)
            scores = predictions.logistic_regression(view, lambda rows: reader[rows].float().numpy())
            found.append(Baseline(name=REGRESSION, scores=scores))
            missing = []
    except (SilktuneError, OSError, ValueError) as error:
        return Baselines(missing=(f"The baselines could not be computed: {error}",))
    made = Baselines(key=key, found=tuple(found), missing=tuple(missing))
    made.write(paths.baselines)
    return made


def _features(view: Dataset, trunk: Key) -> ActivationStore | None:
    """The pooled features of all labelled images, where they are kept on this machine."""
    store = ActivationStore.of(view.store, trunk)
    return None if store.lacks([view.contents[row] for row in np.flatnonzero(view.labelled)]) else store


def _of_groups(view: Dataset, used: Iterable[str]) -> list[Baseline]:
    """The largest class of each group, for the column whose groups tell most on the validation set."""
    columns = [name for name in view.samples.columns if name not in {*KEYS, *used}]
    grouped = {name: groups for name in columns if (groups := _groups(view, name)) is not None}
    validated = {
        name: predictions.largest_class_of_groups(view, groups, "validation").mean_f1
        for name, groups in grouped.items()
    }
    if not validated:
        return []
    best = max(validated, key=lambda name: validated[name])
    scores = predictions.largest_class_of_groups(view, grouped[best], "test")
    return [Baseline(name=f"largest class of each {best}", scores=scores)]


def _groups(view: Dataset, column: str) -> NDArray[np.str_] | None:
    """(N,) the groups of a column, if they are few."""
    groups = view.samples[column].to_numpy(str)
    seen = groups[view.rows("train")]
    count = len(set(seen.tolist()) - {""})
    return groups if 2 <= count <= min(MOST_GROUPS, len(seen) // IMAGES_A_GROUP) else None
