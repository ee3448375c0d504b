"""Hypothesis without a deadline: a machine may be busy, and torch's first call is slow."""

from hypothesis import settings

settings.register_profile("silktune", deadline=None, max_examples=60)
settings.load_profile("silktune")
