"""Names and values as MLflow takes them."""

from __future__ import annotations

import hashlib
import re

NAME_LENGTH, PARAM_LENGTH, TAG_LENGTH = 250, 6000, 5000  # of any MLflow store
_UNSAFE = re.compile(r"[^\w\-. ]")


def safe(name: str) -> str:
    """A name that MLflow takes for a metric, parameter or tag; different names stay different.

    Every character but letters, digits, `_`, `-`, `.` and space becomes its UTF-8 bytes in hexadecimal
    between `_`: `a/b` is `a_2f_b`. MLflow would take `/` too, but folds metrics away by it.
    """
    made = _UNSAFE.sub(lambda match: f"_{match[0].encode().hex()}_", name)
    return made if len(made) <= NAME_LENGTH else f"{made[:200]}_{digest(name)}"


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
