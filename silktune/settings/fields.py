"""What a setting is declared with: default, limits, the letter that it has in the papers, origin, neutral value."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from silktune.settings.value_text import items

Origin = Literal["P23", "P22", "released code", "ours"]


def setting(
    default: Any, *, origin: Origin, symbol: str = "", why: str = "", neutral: Any = None, **limits: Any
) -> Any:
    """A field with its default, its limits, the letter it has in the papers and its origin.

    `neutral` is the value at which everything is as it was before there was this setting, or as if there were none.
    """
    about = {"symbol": symbol, "origin": origin, "neutral": neutral}
    return Field(default, description=why, json_schema_extra=about, **limits)


def _as_tuple(value: object) -> object:
    """A list however a person writes it: `[1024, 32]`, `1024,32`, `()`, `1024`, `["a,b", c]`."""
    if isinstance(value, str):
        return items(value)
    return (value,) if isinstance(value, int | float) and not isinstance(value, bool) else value


Nodes = Annotated[tuple[Annotated[int, Field(ge=1, le=65536)], ...], BeforeValidator(_as_tuple)]


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"data.variables names {twice[0]} twice")
    return names


Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple), AfterValidator(_each_once)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)
