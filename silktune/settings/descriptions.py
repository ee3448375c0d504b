"""What a person should know of every setting: `silktune settings` prints it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from silktune.settings.experiment import Experiment, section_of
from silktune.settings.value_text import spell


class Description(NamedTuple):
    """One setting."""

    name: str
    default: Any
    symbol: str
    origin: str
    why: str
    limits: str
    neutral: Any  # None: it has none


@cache
def describe() -> tuple[Description, ...]:
    """Every setting of an experiment, in the order in which it is declared."""
    return tuple(description for section in Experiment.model_fields for description in _describe(section))


def _describe(section: str) -> Iterator[Description]:
    schemas = section_of(section).model_json_schema()["properties"]
    for name, field in section_of(section).model_fields.items():
        extra = field.json_schema_extra
        assert isinstance(extra, dict)
        yield Description(
            f"{section}.{name}", field.default, str(extra["symbol"]), str(extra["origin"]),
            field.description or "", _limits(schemas[name]), extra["neutral"],
        )  # fmt: skip


def _limits(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    return ", ".join(f"{sign} {spell(schema[key])}" for key, sign in signs.items() if key in schema)
