"""A setting as a person writes it on the command line: `name=value`."""

from __future__ import annotations

from functools import cache
from typing import Any

from silktune.errors import SettingsError
from silktune.settings.experiment import Experiment, section_of
from silktune.settings.value_text import literal, unquoted


def parse(text: str) -> tuple[str, Any]:
    """`name=value` of the command line as a name and a value; what `spell` wrote comes back as it was.

    The value of a setting that is text stays text: `2020` and `True` may be names of variables.

    Raises:
        SettingsError: there is no `=`.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise SettingsError(f"command line: '{text}' is no setting; settings are written name=value.")
    name, value = name.strip(), value.strip()
    kind = _kind(name)
    if kind == "names":
        return name, value  # its list is read where it is checked
    return name, unquoted(value) if kind == "text" else literal(value)


@cache
def _kind(name: str) -> str:
    """`text`, `names` (a list of text) or "" (numbers, and what is no setting)."""
    section, _, field = name.partition(".")
    if section not in Experiment.model_fields:
        return ""
    schema = section_of(section).model_json_schema()["properties"].get(field, {})
    if schema.get("type") == "array":
        return "names" if schema["items"].get("type") == "string" else ""
    return "text" if schema.get("type") == "string" else ""
