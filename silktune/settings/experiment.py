"""An experiment: everything that may change a number, by section or under dotted names (`loss.gamma`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError

from silktune.errors import SettingsError, nearest
from silktune.settings.fields import Section
from silktune.settings.sections import Data, Loss, Net, Train


class Experiment(Section):
    """Everything that may change a number."""

    data: Data = Data()
    net: Net = Net()
    loss: Loss = Loss()
    train: Train = Train()

    def flat(self) -> dict[str, Any]:
        """Every setting under its dotted name."""
        return {name: getattr(getattr(self, name.split(".")[0]), name.split(".")[1]) for name in names()}

    def effective(self) -> Experiment:
        """The same experiment with settings that have no effect at their neutral value.

        α without λ_aux and λ_aux without any α are 0; β without class weights is its default; the margin is for L_sem,
        views are for L_slf.
        """
        loss = self.loss
        unused: dict[str, Any] = {f"loss.alpha_{term}": 0.0 for term in loss.alphas if not loss.weights[term]}
        if len(unused) == len(loss.alphas):
            unused["loss.lambda_aux"] = 0.0
        if loss.class_weights == "none":
            unused["loss.beta"] = Loss.model_fields["beta"].default
        if not loss.weights["sem"]:
            unused["loss.sem_margin"] = "all"
        if not loss.weights["slf"]:
            unused["train.self_views"] = 0
        return self.with_(unused)

    def with_(self, changes: Mapping[str, Any], where: str = "") -> Experiment:
        """This experiment with some settings changed.

        Args:
            changes: dotted name → value, as a person wrote it or as Python has it.
            where: where the changes were found, the beginning of every complaint.

        Raises:
            SettingsError: a name that is no setting, or a value it cannot take; all of them at once.
        """
        prefix = f"{where}: " if where else ""
        complaints = [
            f"{prefix}{name} is no setting.{nearest(name, names())}" for name in changes if name not in names()
        ]
        complaints += [
            f"{prefix}{name} cannot be {value}: no setting is true or false." for name, value in _truths(changes)
        ]
        tree: dict[str, dict[str, Any]] = self.model_dump()
        for name, value in changes.items():
            if name in names():
                section, field = name.split(".")
                tree[section][field] = value
        try:
            changed = Experiment.model_validate(tree)
        except ValidationError as error:
            complaints += [prefix + sentence for sentence in _sentences(error)]
        if complaints:
            raise SettingsError.of(complaints)
        return changed


def _truths(changes: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """The settings that were given a truth value, which pydantic would take for 0 or 1."""
    for name, value in changes.items():
        values = value if isinstance(value, list | tuple) else [value]
        yield from ((name, one) for one in values if isinstance(one, bool) and name in names())


@cache
def names() -> tuple[str, ...]:
    """The dotted names of all settings of an experiment, in the order in which they are declared."""
    return tuple(
        f"{section}.{name}" for section in Experiment.model_fields for name in section_of(section).model_fields
    )


@cache
def neutral_values() -> dict[str, Any]:
    """Every setting that has a neutral value, and that value."""
    neutral = {}
    for name in names():
        section, field = name.split(".")
        about = section_of(section).model_fields[field].json_schema_extra
        assert isinstance(about, dict)
        if about["neutral"] is not None:
            neutral[name] = about["neutral"]
    return neutral


def section_of(name: str) -> type[BaseModel]:
    """The class of a section: `loss` → `Loss`."""
    section = Experiment.model_fields[name].annotation
    assert isinstance(section, type)
    assert issubclass(section, BaseModel)
    return section


def _sentences(error: ValidationError) -> Iterator[str]:
    """The complaints of pydantic as sentences about settings."""
    for item in error.errors():
        if item["type"] == "value_error":
            sentence = str(item["ctx"]["error"])
            yield sentence if sentence.endswith((".", "?")) else f"{sentence}."
            continue
        name = ".".join(str(part) for part in item["loc"][:2])
        reason = re.sub(r"^\w+ should", "it should", item["msg"]).replace("'", "").replace(" after validation", "")
        yield f"{name} cannot be {item['input']!r}: {reason}."
