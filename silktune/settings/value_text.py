"""How the value of a setting is written as text: on the command line, in MLflow, in tables and in messages.

`spell` is the one speller; `settings.parse` reads back what it wrote.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from typing import Any

_ITEM = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^,]*?)\s*(?:,|$)""", re.DOTALL)
_BRACKETS = re.compile(r"\[(.*)\]|\((.*)\)", re.DOTALL)


def spell(value: object) -> str:
    """A setting's value as a person writes it after `name=`, without rounding: `1024,32`, `[]`, `0.0001`, `resnet18`.

    Text is in quotes where it would be read as something else. `parse` is the inverse, for a setting's value.
    """
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False) if _misread(value) else value
    if isinstance(value, list | tuple):
        return ",".join(_spelled_item(item) for item in value) or "[]"  # a shell takes brackets for a pattern
    if isinstance(value, float):
        return short if float(short := f"{value:g}") == value else repr(value)
    return str(value)


def alike(one: str, other: str) -> bool:
    """Whether two spellings, of whatever version of silktune, are the same value."""
    return one == other or literal(one) == literal(other)


def _spelled_item(item: object) -> str:
    word = spell(item)
    special = isinstance(item, str) and word == item and re.search(r"""[,"'()\[\]]""", word)
    return json.dumps(item, ensure_ascii=False) if special else word


def _misread(text: str) -> bool:
    """Whether text without quotes would be taken for something else, or be hard to see."""
    return text != text.strip() or not text.isprintable() or not text or literal(text) != text


def literal(text: str) -> Any:
    """The number, list or quoted text that a text stands for; itself if it is none."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of a backslash in the name of a file
            return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return text


def items(text: str) -> tuple[str, ...]:
    """The words of a list however a person writes it, with brackets or without; an empty one only in quotes."""
    inside = _BRACKETS.fullmatch(text.strip())
    found = _ITEM.findall((inside[1] or inside[2] or "") if inside else text)
    return tuple(unquoted(item) for item in found if item)


def unquoted(word: str) -> str:
    """A word as it is, or what stands between its quotes."""
    value = literal(word)
    return value if isinstance(value, str) else word
