"""What a person can set: `Experiment` is everything that may change a number, `Runtime` everything that may not."""

from silktune.settings.assignments import parse
from silktune.settings.experiment import Experiment, names, section_of
from silktune.settings.sections import MAX_MEGAPIXELS, Data, Loss, Net, Runtime, Train
from silktune.settings.value_text import spell

__all__ = [
    "MAX_MEGAPIXELS",
    "Data",
    "Experiment",
    "Loss",
    "Net",
    "Runtime",
    "Train",
    "names",
    "parse",
    "section_of",
    "spell",
]
