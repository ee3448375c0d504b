"""Ablations: tables of named rows over one base, and what their runs say."""

from silktune.study.ablation.reading import load

__all__ = ["load"]
