"""The one home of every default, with its letter in the papers and where it comes from.

`Experiment` is everything that may change a number; `Runtime` is everything that may not. A setting's name is
`section.field` (`loss.gamma`), the same on the command line, in YAML, in MLflow and in tables.

P23: Dorozynski 2023, the multi-task SilkNet. P22: Dorozynski and Rottensteiner 2022, its single-task predecessor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from silktune import weights
from silktune.errors import SettingsError, nearest
from silktune.spelling import items, literal, unquoted
from silktune.spelling import spell as spell  # noqa: PLC0414

MAX_MEGAPIXELS = 200  # of an image, unless a command says otherwise; decoded they take 600 MB, with transparency 4 GB

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


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)


class Data(_Section):
    """Which images and labels a network sees."""

    variables: Names = setting((), origin="ours", why="empty: every column of the label table that can be one")
    image_size: int = setting(224, ge=16, le=1024, origin="P23", why="pixels per side")
    crop: Literal["whole", "centre"] = setting(
        "whole", origin="P23", why="whole: aspect not kept; centre: the largest square in the middle"
    )
    split_seed: int = setting(0, ge=0, origin="ours", why="one split for all runs, as the papers seem to have")
    min_records: int = setting(
        3, ge=3, origin="P23", why="a class with fewer records cannot be in all three subsets: background"
    )


class Net(_Section):
    """SilkNet, P23 §3.1 and Fig. 1."""

    trunk: Literal["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"] = setting(
        "resnet152", origin="P23", why="torchvision's; the smaller ones for small machines"
    )
    weights: str = setting(
        "IMAGENET1K_V1", min_length=1, origin="P23",
        why="a name of torchvision's weights, a file with a state dict, or none (random)",
    )  # fmt: skip
    NB_RN: int = setting(
        3, ge=0, le=50, symbol="NB_RN", origin="P23", why="residual blocks trained, counted from the end"
    )
    NN_jfc: Nodes = setting((1024,), symbol="NN_jfc", origin="P23", min_length=1, why="joint fc layers")
    NN_tfc: Nodes = setting((128,), symbol="NN_tfc", origin="P23", why="fc layers of each task")
    dropout: float = setting(0.3, ge=0, lt=1, origin="P23", why="on f_RN, the only dropout")

    @property
    def weights_digest(self) -> str:
        """What `weights` stands for: the content of a file, or else the name itself.

        Raises:
            SettingsError: there is no such file, or it cannot be read.
        """
        return weights.digest(self.weights)

    @model_validator(mode="after")
    def _blocks_exist(self) -> Self:
        if self.NB_RN > BLOCKS[self.trunk]:
            raise ValueError(f"net.NB_RN is {self.NB_RN}, but {self.trunk} has {BLOCKS[self.trunk]} residual blocks")
        return self


BLOCKS = {"resnet18": 8, "resnet34": 16, "resnet50": 16, "resnet101": 33, "resnet152": 50}


class Loss(_Section):
    """The weights of P23 Eq. 1–5; the defaults are the row MTL^fo+R^all of P23 Table 3."""

    gamma: float = setting(2.0, symbol="γ", ge=0, le=10, origin="released code", why="P23 is silent; 0 is softmax")
    lambda_C: float = setting(1.0, symbol="λ_C", ge=0, le=1, origin="P23")
    lambda_aux: float = setting(1.0, symbol="λ_aux", ge=0, le=1, origin="P23")
    alpha_sem: float = setting(0.5, symbol="α_sem", ge=0, le=1, origin="P23")
    alpha_co: float = setting(0.5, symbol="α_co", ge=0, le=1, origin="P23")
    alpha_slf: float = setting(0.5, symbol="α_slf", ge=0, le=1, origin="P23")

    tau: float = setting(
        0.0, symbol="τ", ge=0, le=10, origin="ours", neutral=0.0,
        why="logit adjustment: τ·ln of a class's share inside the softmax; 1 is balanced softmax",
    )  # fmt: skip
    class_weights: Literal["none", "effective"] = setting(
        "none", origin="ours", neutral="none", why="effective: classes weigh by their effective number of images (β)"
    )
    beta: float = setting(
        0.999, symbol="β", ge=0, lt=1, origin="ours", neutral=0.999,
        why="of class_weights=effective; 0: all alike, near 1: 1/images",
    )  # fmt: skip
    task_weights: Literal["labels", "equal"] = setting(
        "labels",
        origin="P23",
        neutral="labels",
        why="labels: a variable weighs by its labels (Eq. 2); equal: all variables alike",
    )

    @model_validator(mode="after")
    def _something_is_trained(self) -> Self:
        if not any(self.weights.values()):
            raise ValueError("loss.lambda_C is 0 and so is every weight of the auxiliary clustering: nothing to train")
        return self

    @property
    def alphas(self) -> dict[str, float]:
        """α of each term of the auxiliary clustering, P23 Eq. 5: the settings alpha_<term>, in their order."""
        names = [name for name in type(self).model_fields if name.startswith("alpha_")]
        return {name.removeprefix("alpha_"): getattr(self, name) for name in names}

    @property
    def weights(self) -> dict[str, float]:
        """What each term of the loss is multiplied by, P23 Eq. 1 and 5: λ_C, and λ_aux·α of the auxiliary ones."""
        return {"C": self.lambda_C} | {term: self.lambda_aux * alpha for term, alpha in self.alphas.items()}


class Train(_Section):
    """Optimisation, P23 §5.1, and when it ends."""

    learning_rate: float = setting(1e-4, gt=0, le=1, origin="P23", why="Adam, β 0.9/0.999, ε 1e-8")
    batch_size: int = setting(
        300, symbol="N^MB", ge=2, le=65536, origin="released code", why="P23 is silent; over all workers together"
    )
    sampling: Literal["random", "balanced"] = setting("random", origin="P23", why="P22: C* is random, C balanced")
    max_epochs: int = setting(100, ge=1, le=100_000, origin="ours", why="the papers are silent")
    patience: int = setting(
        10, ge=1, le=100_000, origin="ours", why="epochs without a better validation loss; the papers are silent"
    )
    seed: int = setting(0, ge=0, lt=2**62, origin="ours", why="run r of a trial trains with seed + r")


class Experiment(_Section):
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

        α without λ_aux and λ_aux without any α are 0; β without class weights is its default.
        """
        loss = self.loss
        unused: dict[str, Any] = {f"loss.alpha_{term}": 0.0 for term in loss.alphas if not loss.weights[term]}
        if len(unused) == len(loss.alphas):
            unused["loss.lambda_aux"] = 0.0
        if loss.class_weights == "none":
            unused["loss.beta"] = Loss.model_fields["beta"].default
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


class Runtime(_Section):
    """Everything that may not change a number: where and on what a training runs."""

    device: Literal["auto", "cpu", "cuda"] = setting("auto", origin="ours", why="auto: a GPU if there is one")
    threads: int = setting(0, ge=0, origin="ours", why="CPU threads of torch; 0: torch decides")
    folder: str | Path | None = setting(None, origin="ours", why="or URI, for the checkpoint; None: nowhere")


@cache
def names() -> tuple[str, ...]:
    """The dotted names of all settings of an experiment, in the order in which they are declared."""
    return tuple(
        f"{section}.{name}" for section in Experiment.model_fields for name in section_of(section).model_fields
    )


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
            yield f"{item['ctx']['error']}."
            continue
        name = ".".join(str(part) for part in item["loc"][:2])
        reason = re.sub(r"^\w+ should", "it should", item["msg"]).replace("'", "").replace(" after validation", "")
        yield f"{name} cannot be {item['input']!r}: {reason}."


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
