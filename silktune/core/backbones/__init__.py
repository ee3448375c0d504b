"""Backbones: what maps an image to f_RN (P23 §3.1), cut into a frozen prefix and a trained suffix."""

from silktune.core.backbones.backbone import Backbone, Prefix, Suffix, measure_statistics
from silktune.core.backbones.families import Family, build

__all__ = ["Backbone", "Family", "Prefix", "Suffix", "build", "measure_statistics"]
