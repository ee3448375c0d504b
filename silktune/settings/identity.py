"""What makes two experiments the same: one digest for a trial's fingerprint, its checkpoint and its study's plan.

Settings at their neutral value are left out of it, and of what a study keeps; what was left out is read as neutral. So
a setting that is added later, with its neutral value declared, changes nothing of what there is: studies, checkpoints
and tables of before go on. `FORM` counts up when the digest of the same experiment becomes another one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, ValidationError

from silktune.errors import SettingsError
from silktune.settings.experiment import Experiment, neutral_values

FORM = 2
DIGITS = 16


def digest(content: object) -> str:
    """16 hexadecimal digits of anything that JSON can hold; the order of keys does not count."""
    text = json.dumps(content, sort_keys=True, default=list)
    return hashlib.blake2b(text.encode(), digest_size=DIGITS // 2).hexdigest()


def experiment_digest(experiment: Experiment, data: str, without: Collection[str] = ()) -> str:
    """The digest of everything that may change the numbers of a training: its settings, its weights, its data set.

    Settings that have no effect do not count, and files of weights count by their content.

    Args:
        experiment: with the seed that it trains with.
        data: the digest of the data set.
        without: settings that are not to count either.

    Raises:
        SettingsError: there is no such file of weights, or it cannot be read.
    """
    settings = kept(experiment.effective()) | {"net.weights": experiment.net.weights_digest}
    counted = {name: value for name, value in settings.items() if name not in without}
    return digest({"form": FORM, "settings": counted, "data": data})


def kept(experiment: Experiment) -> dict[str, Any]:
    """Its settings as they are kept: dotted name → value, without those that are neutral."""
    neutral = neutral_values()
    return {name: value for name, value in experiment.flat().items() if name not in neutral or value != neutral[name]}


def read_kept(settings: object) -> object:
    """The experiment with these settings; those that are not there, and have a neutral value, have that."""
    return Experiment().with_(neutral_values() | settings) if isinstance(settings, dict) else settings


KeptExperiment = Annotated[Experiment, BeforeValidator(read_kept), PlainSerializer(kept)]


def first_complaint(error: ValidationError | SettingsError) -> str:
    """What is wrong with a file that a study keeps, in a few words."""
    if isinstance(error, SettingsError):
        return str(error)
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")
