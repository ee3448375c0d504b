"""Ablations: tables of named rows over one base, and what their runs say."""

from silktune.study.ablation.loading import load

__all__ = ["load"]
