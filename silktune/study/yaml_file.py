"""YAML files that a person writes: pydantic finds what is wrong with one, here it becomes sentences.

A file is read as far as it is right: what is wrong is taken out and the rest is read again, until all of it is said.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, NoReturn, TypeVar

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)  # fmt: skip
from pydantic_core import InitErrorDetails, PydanticCustomError

from silktune.errors import SettingsError, SpaceError, nearest
from silktune.settings import Experiment, names

Location = tuple[int | str, ...]
TAKEN_OUT = object()  # stands where something was wrong

# Of what a sentence speaks, hence before which place it stands
VALUE = "value"  # the value at the location, which the place names
KEY = "key"  # a key, which the sentence names itself
SETTING = "setting"  # the same, of a setting: that it is under `set:` is clear


class Complaints:
    """Collects what is wrong with a file, to say it all at once."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.complaints: list[str] = []
        self._located: list[tuple[str, Location]] = []

    def say(self, complaint: str) -> None:
        self.complaints.append(f"{self.where}: {complaint}")

    def say_at(self, kind: str, location: Location, sentence: str, content: Any) -> None:
        """Say what is wrong at a location of the file's content."""
        self._located.append((kind, location))
        self.say("".join(f"{part}: " for part in _place(kind, location, content)) + sentence)

    def touch(self, *location: int | str) -> bool:
        """Whether something is wrong at a location or below it."""
        return any(other[: len(location)] == location for _, other in self._located)

    def strange_keys(self, *location: int | str) -> bool:
        """Whether a mapping has keys that it may not have."""
        return any(kind == KEY and other[:-1] == location for kind, other in self._located)


class FileMapping(BaseModel):
    """A mapping with known keys; an empty value is as good as none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    OF: ClassVar[str]  # 'of a row': whose keys these are
    SHAPE: ClassVar[str] = "a mapping, name: value"
    NEEDED: ClassVar[tuple[str, ...]] = ()
    NEVER_EMPTY: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            raise should_be(cls.SHAPE, content)
        right = {key: value for key, value in content.items() if value is not TAKEN_OUT}
        keys = list(cls.model_fields)
        if strange := [key for key in right if key not in keys]:
            raise_at(KEY, {key: f"{key} is no key {cls.OF}.{nearest(str(key), keys)}" for key in strange})
        missing = [key for key in cls.NEEDED if right.get(key) in (None, "")]
        if missing and len(right) == len(content):
            raise_at(KEY, {missing[0]: f"has no {' and no '.join(missing)}."})
        return {key: value for key, value in right.items() if value is not None or key in cls.NEVER_EMPTY}


File = TypeVar("File", bound=FileMapping)


def read_content(path: Path, model: type[FileMapping]) -> dict[Any, Any]:
    """What a YAML file has, unchecked.

    Raises:
        SpaceError: it is no YAML, or no mapping.
    """
    try:
        content = yaml.load(path.read_bytes(), _EachKeyOnce)
    except (OSError, yaml.YAMLError) as error:
        raise SpaceError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(content, dict):
        raise SpaceError(f"{path}: is no mapping with the keys {', '.join(model.model_fields)}.")
    return content


def checked(content: Mapping[Any, Any], model: type[File], complaints: Complaints, context: Any = None) -> File:
    """The content of a file as far as it is right.

    Args:
        content: as it was read.
        model: what it should be.
        complaints: takes in what is wrong.
        context: what the model's checks are told.
    """
    remaining = copy.deepcopy(dict(content))
    while True:
        try:
            return model.model_validate(remaining, context=context)
        except ValidationError as error:
            for found in error.errors():
                complaints.say_at(found["type"], found["loc"], found["msg"], content)
                _take_out(remaining, found["loc"])


def should_be(what: str, value: Any) -> PydanticCustomError:
    return _sentence(VALUE, f"{value!r} should be {what}.")


def raise_at(kind: str, sentences: Mapping[Any, str]) -> NoReturn:
    """Say sentences at keys of a mapping; several of one are lines."""
    raise ValidationError.from_exception_data("", [
        InitErrorDetails(type=_sentence(kind, line), loc=(key if isinstance(key, int | str) else str(key),), input=None)
        for key, sentence in sentences.items() for line in sentence.splitlines()
    ])  # fmt: skip


def expected(what: str) -> WrapValidator:
    """What a value should be, in place of what pydantic says of it."""

    def check(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
        try:
            return validate(value)
        except ValidationError:
            raise should_be(what, value) from None

    return WrapValidator(check)


def entries(check: Callable[[str, Any, Any], Any], kind: str = KEY) -> Callable[[Any, ValidationInfo], dict[str, Any]]:
    """Checks a mapping and its entries.

    Args:
        check: takes a name, its value and the context of the file; raises SpaceError or SettingsError.
        kind: of what its sentences speak.
    """

    def checked_entries(content: Any, info: ValidationInfo) -> dict[str, Any]:
        content = {} if content is TAKEN_OUT else content
        if not isinstance(content, dict):
            raise should_be(FileMapping.SHAPE, content)
        right = {name: value for name, value in content.items() if value is not TAKEN_OUT}
        if strange := [name for name in right if not isinstance(name, str)]:
            raise_at(KEY, {name: f"{name!r} should be a name." for name in strange})
        sentences = {}
        for name, value in right.items():
            try:
                check(name, value, info.context)
            except (SpaceError, SettingsError) as error:
                sentences[name] = str(error)
        if sentences:
            raise_at(kind, sentences)
        return right

    return checked_entries


def known_setting(name: str, value: Any = None, context: Any = None) -> None:
    """Raises SettingsError for a name that no setting has."""
    if name not in names():
        raise SettingsError(f"{name} is no setting.{nearest(name, names())}")


def sound_setting(name: str, value: Any, context: Any = None) -> None:
    """Raises SettingsError for a setting that does not exist or does not take the value."""
    Experiment().with_({name: value})


def any_entry(name: str, value: Any, context: Any) -> None:
    """Raises nothing: only the names are checked."""


Text = Annotated[str, expected("text. Put it in quotes")]
Settings = Annotated[dict[str, Any], BeforeValidator(entries(sound_setting, SETTING))]
SettingNames = Annotated[dict[str, Any], BeforeValidator(entries(known_setting))]
Named = Annotated[dict[str, Any], BeforeValidator(entries(any_entry))]


def _listed_text(value: Any) -> str:
    if value is TAKEN_OUT:
        return ""
    if not isinstance(value, str) or not value:
        raise ValueError(value)
    return value


def _listed_mapping(value: Any) -> Any:
    if value is None:
        raise should_be(FileMapping.SHAPE, value)
    return None if value is TAKEN_OUT else value


ListedText = Annotated[str, BeforeValidator(_listed_text)]  # "" where something was wrong
NoneIfTakenOut = BeforeValidator(_listed_mapping)


class _EachKeyOnce(yaml.SafeLoader):
    """YAML in which the second of two equal keys does not silently replace the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and (key.tag, key.value) in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} is there twice", key.start_mark)
            seen.add((key.tag, str(key.value)))
        return super().construct_mapping(node, deep)


def _sentence(kind: str, sentence: str) -> PydanticCustomError:
    return PydanticCustomError(kind, "{sentence}", {"sentence": sentence})


def _place(kind: str, location: Location, content: Any) -> list[str]:
    """A location in the words of the file: `row 'A'`, not `rows.0`."""
    keys = list(location[:-1] if kind in (KEY, SETTING) else location)
    if kind == SETTING and len(keys) > 1 and keys[-1] == "set":
        keys.pop()
    place = [str(key) for key in keys if not isinstance(key, int)]
    if keys[:1] == ["rows"] and len(keys) > 1:
        number = int(keys[1])
        row = content["rows"][number]
        name = row.get("id") if isinstance(row, dict) else None
        place[0] = f"row '{name}'" if name and isinstance(name, str) else f"row {number + 1}"
    return place


def _take_out(content: Any, location: Location) -> None:
    """Take out what lies at a location; a number that is no key of a mapping is passed over."""
    *above, last = location
    for key in above:
        content = content[key] if not (isinstance(content, dict) and key not in content) else content
    if isinstance(content, dict) and last not in content:
        last = next((key for key in content if str(key) == last), last)
    content[last] = TAKEN_OUT
