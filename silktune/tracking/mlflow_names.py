"""Names and values as MLflow takes them."""

from __future__ import annotations

import hashlib

from silktune.safe_names import escaped

NAME_LENGTH, PARAM_LENGTH, TAG_LENGTH = 250, 6000, 5000  # of any MLflow store


def safe(name: str) -> str:
    """A name that MLflow takes for a metric, parameter or tag; those of `safe_names.distinct_names` stay distinct.

    It is `safe_names.escaped`, since MLflow would take `/` too, but folds metrics away by it.
    """
    made = escaped(name)
    return made if len(made) <= NAME_LENGTH else f"{made[:200]}_{digest(name)}"


def short(text: str, limit: int) -> str:
    """The text, cut where MLflow would refuse it."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def digest(content: str) -> str:
    """32 hexadecimal digits that stand for a text."""
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()
