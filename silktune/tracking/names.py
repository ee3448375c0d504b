"""Names and values as MLflow takes them."""

from __future__ import annotations

import hashlib

from silktune.naming import encoded

NAME_LENGTH, PARAM_LENGTH, TAG_LENGTH = 250, 6000, 5000  # of any MLflow store
FILE_LENGTH = 200  # bytes


def safe(name: str) -> str:
    """A name that MLflow takes for a metric, parameter or tag; names that `naming.distinct` made stay distinct.

    It is `naming.encoded`, since MLflow would take `/` too, but folds metrics away by it.
    """
    made = encoded(name)
    return made if len(made) <= NAME_LENGTH else f"{made[:200]}_{digest(name)}"


def file_stem(name: str) -> str:
    """A name for a file without its ending; file systems count in bytes, which leave some room for the ending."""
    made = encoded(name)
    if len(made.encode()) <= FILE_LENGTH:
        return made
    return f"{made.encode()[: FILE_LENGTH - 33].decode(errors='ignore')}_{digest(name)}"


def text(value: object) -> str:
    """A setting as a person writes it: `[1024, 32]`, `0.0001`, `resnet18`."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(text, value))}]"
    return str(value)


def short(value: object, limit: int) -> str:
    """The value as text, cut where MLflow would refuse it."""
    made = text(value)
    return made if len(made) <= limit else f"{made[: limit - 1]}…"


def digest(content: str) -> str:
    """32 hexadecimal digits that stand for a text."""
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()
