"""Which activations the trainings of a study read, so that each is computed once for all of them."""

from __future__ import annotations

from collections.abc import Iterable

from silktune.core.activations.key import Key
from silktune.data.dataset import Dataset
from silktune.settings import Experiment
from silktune.settings.trunks import BLOCKS


def needed(experiments: Iterable[Experiment], data: Dataset) -> dict[Key, Experiment]:
    """Every key, each with an experiment that has its trunk cut there; of a trunk, the earliest cut first.

    Of a trunk that is the cut before the most blocks that any of the experiments trains, which serves those that train
    fewer, and behind the pooling where one trains none. Where every block is trained there is nothing to keep: the stem
    costs less than reading what it gives.

    Args:
        experiments: of the study; those with the same trunk may differ in anything else.
        data: the data set, with all variables.

    Raises:
        SettingsError: there is no such file of weights, or it cannot be read.
    """
    trunks: dict[Key, list[Experiment]] = {}
    for experiment in experiments:
        if experiment.net.NB_RN < BLOCKS.get(experiment.net.trunk, experiment.net.NB_RN + 1):
            trunks.setdefault(_key(experiment, data, 0), []).append(experiment)
    keys: dict[Key, Experiment] = {}
    for alike in trunks.values():
        deepest = max(experiment.net.NB_RN for experiment in alike)
        for cut in sorted({deepest, *(0 for experiment in alike if experiment.net.NB_RN == 0)}, reverse=True):
            served = [experiment for experiment in alike if (experiment.net.NB_RN == 0) == (cut == 0)]
            views = max(views_kept(experiment) for experiment in served)
            cut_there = served[0].with_({"net.NB_RN": cut})
            keys |= {_key(cut_there, data, cut, view): cut_there for view in (None, *range(views))}
    return keys


def serving(experiment: Experiment, data: Dataset, keys: Iterable[Key]) -> list[Key]:
    """Those of the keys that a training of the experiment reads: at one cut, the nearest there is."""
    there = set(keys)
    for cut in sorted({key.NB_RN for key in there if key.NB_RN >= experiment.net.NB_RN}):
        image, *views = (_key(experiment, data, cut, view) for view in (None, *range(views_kept(experiment))))
        if image in there:
            return [image, *(views if there.issuperset(views) else [])]
    return []


def views_kept(experiment: Experiment) -> int:
    """How many views of an image it keeps."""
    return experiment.train.self_views if experiment.loss.weights["slf"] else 0


def _key(experiment: Experiment, data: Dataset, NB_RN: int, view: int | None = None) -> Key:
    return Key.of(experiment, data.seen(experiment.data), NB_RN, view)
